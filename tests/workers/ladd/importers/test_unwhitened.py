"""Whitened sets become pixels, with ZCA fitted to the source set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from api_schemas.problems import Reason
from method.files import WHITENING
from workers.ladd.importers.imported import DISTILLED_SPLIT, Imported, ImportOptions, KnownSource, Split
from workers.ladd.importers.reading.rejected import ImportRejected
from workers.ladd.importers.unwhitened import unwhiten
from workers.ladd.sets.whitening import Whitening, fit_whitening

PIXELS = np.random.default_rng(2).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
LABELS = np.array([0, 0, 1, 1], dtype=np.int64)


@pytest.fixture
def source(tmp_path: Path) -> KnownSource:
    np.save(tmp_path / "train_images.npy", PIXELS)
    return KnownSource(["a", "b"], side=8, train_images=tmp_path / "train_images.npy")


def upload(images: np.ndarray, unnormalized: str | None = None) -> Imported:
    split = Split(images, LABELS, images_location="images.pt", labels_location="labels.pt")
    return Imported({DISTILLED_SPLIT: split}, unnormalized=unnormalized)


def pixels_of(imported: Imported, source: KnownSource | None, out: Path) -> np.ndarray[Any, Any]:
    options = ImportOptions(name="set", role="distilled", normalization="zca", source=source)
    return np.asarray(unwhiten(imported, options, out).splits[DISTILLED_SPLIT].images)


def refusal(images: np.ndarray, source: KnownSource | None, out: Path) -> Reason:
    with pytest.raises(ImportRejected) as caught:
        pixels_of(upload(images), source, out)
    [reason] = caught.value.reasons
    assert reason.location == "metadata.normalization"
    return reason


def test_whitened_images_become_pixels_again(source: KnownSource, tmp_path: Path) -> None:
    expected = PIXELS[:4].transpose(0, 3, 1, 2).astype(np.float32) / 255
    whitened = fit_whitening(PIXELS).whiten_pixels(PIXELS[:4]).numpy()
    np.testing.assert_allclose(pixels_of(upload(whitened), source, tmp_path), expected, atol=1e-5)


def test_the_matrix_is_kept_for_the_training(source: KnownSource, tmp_path: Path) -> None:
    pixels_of(upload(np.full((4, 3, 8, 8), -0.5, np.float32)), source, tmp_path)
    kept = Whitening.load(tmp_path / WHITENING)
    assert torch.equal(kept.basis, fit_whitening(PIXELS).basis)


@pytest.mark.parametrize(
    ("images", "unnormalized"),
    [(np.full((4, 3, 8, 8), 1.2, np.float32), None), (np.full((4, 3, 8, 8), -0.2, np.float32), "images_zca_*")],
    ids=["not negative", "by name"],
)
def test_images_that_are_pixels_already_stay(
    images: np.ndarray, unnormalized: str | None, source: KnownSource, tmp_path: Path
) -> None:
    assert np.array_equal(pixels_of(upload(images, unnormalized), source, tmp_path), images)
    assert (tmp_path / WHITENING).exists()


def test_it_says_what_was_done(source: KnownSource, tmp_path: Path) -> None:
    options = ImportOptions(name="set", role="distilled", normalization="zca", source=source)
    done = unwhiten(upload(np.full((4, 3, 8, 8), -0.5, np.float32)), options, tmp_path)
    assert "50 train images" in str(done.unnormalized)


@pytest.mark.parametrize("known", [None, KnownSource(["a", "b"], side=8)])
def test_without_the_source_set_s_images_there_is_nothing_to_fit_to(known: KnownSource | None, tmp_path: Path) -> None:
    assert refusal(np.zeros((4, 3, 8, 8), np.float32), known, tmp_path).rule == "zca_needs_source"


def test_other_images_than_the_source_set_s_are_refused(source: KnownSource, tmp_path: Path) -> None:
    reason = refusal(np.zeros((4, 1, 8, 8), np.float32), source, tmp_path)
    assert (reason.rule, reason.value) == ("zca_matches_source", "[1, 8, 8]")


def test_8_bit_images_are_refused(source: KnownSource, tmp_path: Path) -> None:
    assert refusal(PIXELS[:4], source, tmp_path).rule == "zca_is_float"


def test_large_images_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "train_images.npy", np.zeros((3, 64, 64, 3), np.uint8))
    source = KnownSource(["a", "b"], side=64, train_images=tmp_path / "train_images.npy")
    assert refusal(np.zeros((4, 3, 64, 64), np.float32), source, tmp_path).rule == "zca_size"
