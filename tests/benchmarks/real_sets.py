"""A folder as `benchmarks/gpu.sh evidence --data` takes it, with noise of 32 px for images."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

SETS = ("dm", "dm_start")
TESTED = 8


def real_sets(folder: Path) -> Path:
    """Write two sets of two images and one test image a class; returns the folder."""
    draws = np.random.default_rng(0)
    for name in SETS:
        images = draws.standard_normal((2, 3, 32, 32)).astype(np.float16)
        np.savez(folder / f"{name}.npz", images=images, labels=np.arange(2), dense_labels=np.full((2, 25, 10), 0.1))
    with tarfile.open(folder / "test.tar", "w") as archive:
        for label in reversed(range(TESTED)):
            image = io.BytesIO()
            Image.fromarray(draws.integers(0, 256, (32, 32, 3), np.uint8)).save(image, "PNG")
            member = tarfile.TarInfo(f"val/n{label}/{9 - label}.png")
            member.size = image.tell()
            image.seek(0)
            archive.addfile(member, image)
    return folder
