"""The example distils with DM and writes MTT's files."""

import json
import sys
from pathlib import Path

import distill_dm
import pytest
import torch


def test_it_starts_from_real_images_and_comes_nearer_to_their_features() -> None:
    source = torch.Generator().manual_seed(0)
    by_class = [torch.randint(0, 256, (6, 1, 32, 32), dtype=torch.uint8, generator=source) for _ in range(2)]
    rounds = [
        (images.clone(), loss)
        for images, loss in distill_dm.distill(by_class, 2, 12, 6, torch.Generator().manual_seed(1))
    ]
    first, last = rounds[0][0], rounds[-1][0]
    # One step moves an image by far less than the distance to another image of noise, about 0.95.
    for row, image in enumerate(first):
        distances = (distill_dm.normalize(by_class[row // 2]) - image).abs().mean(dim=(1, 2, 3))
        assert distances.min() < 0.4 < distances.median()
    assert not torch.equal(first, last)
    losses = [loss for _, loss in rounds]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])


def test_the_command_writes_mtts_layout(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"--data": data, "--out": tmp_path / "set", "--ipc": 2, "--batch-real": 3, "--iterations": 1}
    options["--threads"] = torch.get_num_threads()
    monkeypatch.setattr(sys, "argv", ["distill_dm.py", *(str(word) for pair in options.items() for word in pair)])
    distill_dm.main()
    images = torch.load(tmp_path / "set" / "images_best.pt", weights_only=True)
    saved_labels = torch.load(tmp_path / "set" / "labels_best.pt", weights_only=True)
    assert images.shape == (20, 1, 32, 32)
    assert images.dtype == torch.float32
    assert not images.requires_grad
    assert saved_labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert saved_labels.dtype == torch.int64
    # Each real image is of one value, with a border of black, which is -mean / std in the file; one step moves little.
    assert abs(images[:, :, :2].median() - (0 - 0.2861) / 0.3530) < 0.3
    inside = images[:, :, 4:28, 4:28]
    assert inside.mean(dim=(1, 2, 3)).std() > inside.std(dim=(1, 2, 3)).mean()
    facts = json.loads((tmp_path / "set" / "distill.json").read_text())
    assert facts["iterations"] == 1
    assert facts["args"]["ipc"] == 2
    assert facts["versions"]["torch"] == torch.__version__
