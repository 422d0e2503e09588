"""Bytes of a label-augmented set, as the paper counts them and as stored."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from api_schemas.storage import Storage
from method.normalizations import NORMALIZATIONS
from workers.ladd.archive.archive import write_archive
from workers.ladd.archive.storage import pixels_of, storage
from workers.ladd.engine.normalization import normalize

RNG = np.random.default_rng(0)
MANIFEST: dict[str, Any] = {
    "views": {"n": 5, "ratio": 0.625},
    "normalization": {"name": "none", "mean": None, "std": None, "applied": False},
}


def label_augmented(images: int, size: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pixels = RNG.integers(0, 256, (images, size, size, 3), dtype=np.uint8)
    labels = np.arange(images, dtype=np.int64) % classes
    logits = torch.randn(images, 25, classes, generator=torch.Generator().manual_seed(0))
    return pixels, labels, logits.softmax(2).numpy()


def counted(folder: Path, pixels: np.ndarray, labels: np.ndarray, dense: np.ndarray) -> Storage:
    write_archive(folder / "archive.zip", pixels, labels, dense, dense[:, 0], MANIFEST)
    return storage(pixels, labels, dense, folder / "archive.zip")


@pytest.mark.parametrize(
    ("size", "classes", "overhead"),
    [(128, 10, 0.0203), (32, 10, 0.326), (32, 100, 3.26), (224, 1000, 0.664)],
    ids=["ImageNette", "CIFAR-10", "CIFAR-100", "ImageNet"],
)
def test_raw_overhead_is_the_arithmetic_of_shapes(tmp_path: Path, size: int, classes: int, overhead: float) -> None:
    """N^2 C 4 bytes of labels against 3 px^2 of pixels (and 4 bytes of hard label)."""
    count = counted(tmp_path, *label_augmented(10, size, classes)).raw
    assert count.plain_bytes == 10 * (3 * size**2 + 4)
    assert count.augmented_bytes - count.plain_bytes == 10 * 25 * classes * 4
    assert count.overhead == pytest.approx(overhead, rel=0.01)


def test_the_papers_count_is_a_zip_of_pixels_and_float_labels(tmp_path: Path) -> None:
    pixels, labels, dense = label_augmented(20, 32, 10)
    sizes = []
    plain: list[np.ndarray] = [pixels, labels.astype(np.float32)]
    for arrays in (plain, [*plain, dense]):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for index, array in enumerate(arrays):
                member = io.BytesIO()
                np.save(member, array)
                archive.writestr(f"{index}.npy", member.getvalue())
        sizes.append(len(buffer.getvalue()))
    paper = counted(tmp_path, pixels, labels, dense).paper
    assert [paper.plain_bytes, paper.augmented_bytes] == pytest.approx(sizes, abs=200)
    assert paper.overhead == pytest.approx((paper.augmented_bytes - paper.plain_bytes) / paper.plain_bytes)


def test_the_papers_overhead_at_128_px_is_about_two_percent(tmp_path: Path) -> None:
    """Noise hardly deflates: the lower end of the 1.9 to 2.5 % that real images give."""
    assert 0.018 < counted(tmp_path, *label_augmented(50, 128, 10)).paper.overhead < 0.0205


def test_the_stored_count_is_the_archive_with_and_without_its_dense_labels(tmp_path: Path) -> None:
    counts = counted(tmp_path, *label_augmented(10, 32, 10))
    whole = tmp_path / "archive.zip"
    bytes_without = []
    for left_out in (["full_labels.npy"], ["full_labels.npy", "dense_labels.npy"]):
        without = tmp_path / "without.zip"
        with zipfile.ZipFile(whole) as source, zipfile.ZipFile(without, "w", zipfile.ZIP_DEFLATED) as target:
            for member in source.infolist():
                if member.filename not in left_out:
                    target.writestr(member, source.read(member))
        bytes_without.append(without.stat().st_size)
    assert [counts.stored.augmented_bytes, counts.stored.plain_bytes] == bytes_without
    assert counts.full_labels_bytes == whole.stat().st_size - bytes_without[0] > 0


@pytest.mark.parametrize("encoding", ["uint8", "topk:2"])
def test_the_stored_count_takes_every_array_of_an_encoding(tmp_path: Path, encoding: str) -> None:
    pixels, labels, dense = label_augmented(10, 32, 10)
    archives = {}
    for name in (encoding, "float32"):
        archives[name] = tmp_path / f"{name}.zip"
        write_archive(archives[name], pixels, labels, dense, dense[:, 0], MANIFEST, encoding=name)
    found = storage(pixels, labels, dense, archives[encoding], encoding)
    stored = found.stored
    plain = storage(pixels, labels, dense, archives["float32"]).stored.plain_bytes
    # The manifests and READMEs differ a little.
    assert stored.plain_bytes == pytest.approx(plain, abs=400)
    assert stored.augmented_bytes + found.full_labels_bytes == archives[encoding].stat().st_size


def test_encodings_are_compared(tmp_path: Path) -> None:
    pixels, labels, dense = label_augmented(10, 32, 20)
    write_archive(tmp_path / "archive.zip", pixels, labels, dense, dense[:, 0], MANIFEST, encoding="topk:5")
    found = storage(pixels, labels, dense, tmp_path / "archive.zip", "topk:5")
    assert found.encoding == "topk:5"
    costs = {cost.encoding: cost for cost in found.encodings}
    assert list(costs) == ["float32", "float16", "uint8", "uint4", "topk:10", "topk:5"]
    assert (costs["float32"].kl, costs["float32"].total_variation) == (0, 0)
    assert costs["float32"].bytes == pytest.approx(found.paper.augmented_bytes - found.paper.plain_bytes, abs=100)
    assert costs["float32"].bytes > costs["float16"].bytes > costs["uint8"].bytes > costs["uint4"].bytes
    assert 0 < costs["float16"].kl < costs["uint8"].kl < costs["uint4"].kl < costs["topk:5"].kl
    for cost in found.encodings:
        assert cost.overhead_raw == cost.bytes / pixels.nbytes
        assert cost.overhead_zipped == pytest.approx(cost.overhead_raw, rel=0.02), "noise hardly deflates"
        assert cost.overhead_jpeg > cost.overhead_raw


def test_normalised_floats_are_counted_as_the_pixels_they_stand_for() -> None:
    pixels = RNG.integers(0, 256, (600, 8, 8, 3), dtype=np.uint8)
    mean, std = NORMALIZATIONS["imagenet"]
    floats = normalize(torch.from_numpy(pixels), mean, std).numpy()
    np.testing.assert_array_equal(pixels_of(floats, mean, std), pixels)
    np.testing.assert_array_equal(pixels_of(floats * 0 + 2, None, None), np.full_like(pixels, 255))
    assert pixels_of(pixels, None, None) is pixels
