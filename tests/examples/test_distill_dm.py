import gzip
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "examples" / "distill_dm.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("distill_dm", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_idx(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + values.tobytes()))


def test_idx_files_are_read_and_others_refused(script: ModuleType, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (3, 5, 4), dtype=np.uint8)
    write_idx(tmp_path / "images.gz", values)
    np.testing.assert_array_equal(script.read_idx(tmp_path / "images.gz"), values)
    (tmp_path / "other.gz").write_bytes(gzip.compress(b"\x89PNG...."))
    with pytest.raises(ValueError, match=r"other\.gz: not an idx file of unsigned bytes, it starts with 89504e47"):
        script.read_idx(tmp_path / "other.gz")


def test_it_starts_from_real_images_and_comes_nearer_to_their_features(script: ModuleType) -> None:
    source = torch.Generator().manual_seed(0)
    by_class = [torch.randint(0, 256, (6, 1, 32, 32), dtype=torch.uint8, generator=source) for _ in range(2)]
    rounds = [
        (images.clone(), loss) for images, loss in script.distill(by_class, 2, 12, 6, torch.Generator().manual_seed(1))
    ]
    first, last = rounds[0][0], rounds[-1][0]
    # One step moves an image by far less than the distance to another image of noise, about 0.95.
    for row, image in enumerate(first):
        distances = (script.normalize(by_class[row // 2]) - image).abs().mean(dim=(1, 2, 3))
        assert distances.min() < 0.4 < distances.median()
    assert not torch.equal(first, last)
    losses = [loss for _, loss in rounds]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])


def test_the_command_writes_mtts_layout(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 3)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", np.tile(labels[:, None, None] * 20, (1, 28, 28)))
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", labels)
    options = {"--data": tmp_path, "--out": tmp_path / "set", "--ipc": 2, "--batch-real": 3, "--iterations": 1}
    options["--threads"] = torch.get_num_threads()
    monkeypatch.setattr(sys, "argv", ["distill_dm.py", *(str(word) for pair in options.items() for word in pair)])
    script.main()
    images = torch.load(tmp_path / "set" / "images_best.pt", weights_only=True)
    saved_labels = torch.load(tmp_path / "set" / "labels_best.pt", weights_only=True)
    assert images.shape == (20, 1, 32, 32)
    assert images.dtype == torch.float32
    assert not images.requires_grad
    assert saved_labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert saved_labels.dtype == torch.int64
    # Class 0 is black throughout; black is -mean / std in the file.
    assert abs(images[0].mean() - (0 - 0.2861) / 0.3530) < 0.05
    facts = json.loads((tmp_path / "set" / "distill.json").read_text())
    assert facts["iterations"] == 1
    assert facts["args"]["ipc"] == 2
    assert facts["versions"]["torch"] == torch.__version__
