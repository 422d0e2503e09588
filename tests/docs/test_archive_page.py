"""The page about the archive names every member of every encoding, and every entry of the manifest."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.docs.blocks import ROOT
from workers.ladd.archive.archive import write_archive

PAGE = (ROOT / "docs" / "reference" / "archive.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(("encoding", "images"), [("float32", "npy"), ("uint4", "png"), ("topk:2", "webp")])
def test_every_member_is_named(encoding: str, images: str, tmp_path: Path) -> None:
    dense = np.full((2, 4, 5), 0.2, np.float32)
    manifest = {
        "views": {"n": 2, "ratio": 0.5},
        "normalization": {"name": "none", "mean": [0.0] * 3, "std": [1.0] * 3, "applied": False},
    }
    path = tmp_path / "archive.zip"
    pixels, labels = np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 1])
    write_archive(path, pixels, labels, dense, dense[:, 0], manifest, dense[:, 1], encoding, images)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        written = json.loads(archive.read("manifest.json"))
    named = set(re.findall(r"`([\w./]+)`", PAGE))
    assert {name for name in names if not name.startswith("images/")} <= named
    assert any(name.endswith(f".{images}") for name in names if name.startswith("images"))
    assert {entry for entry in written if entry != "num_classes"} <= named
