"""The JPEG copy of CIFAR-10 becomes a tar of class folders with the same bytes."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workers.ladd.importers import ImportOptions
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.sets.stored_set import load_source

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "repack_cifar10.py"


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    """Four train and two test JPEGs of 8x8, end to end; labels 1, 0, 1, 0 and 0, 1."""
    arrays: dict[str, np.ndarray] = {"class_names": np.array(["airplane", "automobile"])}
    for split, labels in (("train", [1, 0, 1, 0]), ("test", [0, 1])):
        jpegs = []
        for label in labels:
            buffer = io.BytesIO()
            Image.new("RGB", (8, 8), (40 + 100 * label, 100 - 50 * label, 60 * label)).save(buffer, "JPEG")
            jpegs.append(buffer.getvalue())
        arrays[f"jpeg_{split}"] = np.frombuffer(b"".join(jpegs), np.uint8)
        arrays[f"off_{split}"] = np.cumsum([0, *map(len, jpegs)])
        arrays[f"y_{split}"] = np.array(labels, np.uint8)
    np.savez(tmp_path / "blob.npz", **arrays)  # type: ignore[arg-type]
    return tmp_path / "blob.npz"


def repack(blob: Path, target: Path) -> str:
    command = [sys.executable, str(SCRIPT), str(blob), str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_same_jpegs_in_class_folders(blob: Path, tmp_path: Path) -> None:
    target = tmp_path / "cifar10.tar"
    assert "4 images in train/, 2 images in val/" in repack(blob, target)
    with tarfile.open(target) as tar, np.load(blob) as arrays:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
        first = arrays["jpeg_train"][: arrays["off_train"][1]].tobytes()
    assert sorted(members) == [
        "train/airplane/00001.jpg",
        "train/airplane/00003.jpg",
        "train/automobile/00000.jpg",
        "train/automobile/00002.jpg",
        "val/airplane/00000.jpg",
        "val/automobile/00001.jpg",
    ]
    assert members["train/automobile/00000.jpg"] == first


def test_the_tar_is_a_source_set_with_the_same_labels(blob: Path, tmp_path: Path) -> None:
    target = tmp_path / "cifar10.tar"
    repack(blob, target)
    (tmp_path / "out").mkdir()
    import_dataset([target], ImportOptions(name="set", role="source"), tmp_path / "out", lambda done, total: None)
    stored = load_source(tmp_path / "out")
    assert stored.train_labels.tolist() == [1, 0, 1, 0]
    assert stored.val_labels.tolist() == [0, 1]
    assert (stored.train_images[:, 0, 0, 0] > 100).tolist() == [True, False, True, False]


def test_equal_blobs_give_equal_tars(blob: Path, tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        repack(blob, tmp_path / name)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
