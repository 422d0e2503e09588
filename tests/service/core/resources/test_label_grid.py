"""The picture of one image's dense labels, drawn out of the stored arrays."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFont

from api_schemas.datasets import Augmentation, ClassCount
from api_schemas.problems import ErrorCode
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.foundation.ids import new_id
from service.core.resources.label_grid import FONT, GAP, LARGEST, LINE, PLACE, RED, VIEW, WORDS, _fitted, label_grid_png
from tests.service.core.hand import Hand

NAMES = ["cat", "dog", "golden retriever with a name that has no room", "ship"]
PANEL = VIEW + GAP // 2 + WORDS + GAP


@pytest.fixture
def labelled(core: Core, hand: Hand, tmp_path: Path) -> Any:
    """Store a label-augmented set of these images and labels; returns its id."""

    def store(images: np.ndarray, dense: np.ndarray, n: int, ratio: float) -> str:
        plain = core.catalogue.dataset(hand.ready_set())
        assert plain is not None
        arrays = {"images.npy": images, "labels.npy": np.arange(len(images)) % len(NAMES), "dense_labels.npy": dense}
        blobs, dataset_id = {}, new_id("ds")
        for name, array in arrays.items():
            np.save(tmp_path / name, array)
            blobs[name] = core.blobs.put(dataset_id, tmp_path / name)
        counts = [ClassCount(label=label, name=name, images={"all": 1}) for label, name in enumerate(NAMES)]
        manifest = plain.model_copy(
            update={
                "id": dataset_id,
                "blobs": blobs,
                "stats": plain.measured.model_copy(update={"class_counts": counts}),
                "augmentation": Augmentation(
                    parent=plain.id,
                    labeler="lb_" + "0" * 26,
                    epoch=10,
                    temperature=1.0,
                    n=n,
                    ratio=ratio,
                    encoding="float32",
                ),
            }
        )
        core.catalogue.restore(DatasetManifest.model_validate(manifest.model_dump()))
        return dataset_id

    return store


def drawn(core: Core, dataset_id: str, index: int) -> np.ndarray:
    with Image.open(io.BytesIO(label_grid_png(core, dataset_id, index))) as picture:
        return np.asarray(picture).astype(int)


def panel(pixels: np.ndarray, row: int, column: int) -> np.ndarray:
    top, left = GAP + (row + 1) * (VIEW + GAP), GAP + column * PANEL
    return pixels[top : top + VIEW, left : left + PANEL - GAP]


def test_each_view_stands_with_its_place_and_its_classes(core: Core, labelled: Any) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    images[1, :20, :20] = (10, 200, 30)  # The first of 2 x 2 views of 20 px, at 0 and 12.
    dense = np.full((2, 4, 4), 0.1, np.float32)
    dense[1, 0, 1] = 0.7  # The class of image 1.
    dense[1, 1, 3] = 0.7
    dataset_id = labelled(images, dense, 2, 0.625)
    pixels = drawn(core, dataset_id, 1)
    assert pixels.shape == (3 * (VIEW + GAP) + GAP, 2 * PANEL + GAP, 3)
    first, second = panel(pixels, 0, 0), panel(pixels, 0, 1)
    assert (first[:VIEW, :VIEW] == (10, 200, 30)).all(), "the pixels of the view, at full size"
    assert second[:VIEW, :VIEW].std() > 20
    # The frame in the small picture of the whole image: 20 of 32 px from its corner, or from 12.
    for shown, left in ((first, 0), (second, 12)):
        place = shown[-PLACE:, VIEW + GAP // 2 : VIEW + GAP // 2 + PLACE]
        down, right = np.nonzero((place == RED).all(axis=2))
        assert (right.min(), right.max()) == pytest.approx((left * PLACE / 32, (left + 20) * PLACE / 32 - 1), abs=1)
        assert (down.min(), down.max()) == pytest.approx((0, 20 * PLACE / 32 - 1), abs=1)
    # Four lines: where it lies, and three classes; the first is red where it is not the image's.
    for shown, color in ((first, (0, 0, 0)), (second, RED)):
        lines = [shown[number * LINE : (number + 1) * LINE, VIEW + GAP // 2 :] for number in range(4)]
        assert all(line.min() < 120 for line in lines)
        darkest = lines[1].reshape(-1, 3)[lines[1].sum(axis=2).argmin()]
        assert tuple(darkest) == pytest.approx(color, abs=60)
    assert (drawn(core, dataset_id, 0) != pixels).any()


@pytest.mark.parametrize(("n", "shown"), [(1, 1), (LARGEST + 1, 5)])
def test_a_fine_grid_shows_some_of_its_views(core: Core, labelled: Any, n: int, shown: int) -> None:
    images = np.zeros((1, 1, 8, 8), np.float32)
    dataset_id = labelled(images, np.full((1, n * n, 4), 0.25, np.float32), n, 0.5)
    assert drawn(core, dataset_id, 0).shape == ((shown + 1) * (VIEW + GAP) + GAP, max(2, shown) * PANEL + GAP, 3)


def test_an_image_there_is_not_is_refused(core: Core, labelled: Any) -> None:
    dataset_id = labelled(np.zeros((2, 8, 8, 3), np.uint8), np.full((2, 1, 4), 0.25, np.float32), 1, 0.5)
    with pytest.raises(ServiceError) as caught:
        label_grid_png(core, dataset_id, 2)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    (reason,) = caught.value.reasons
    assert (reason.location, reason.rule, reason.value) == ("query.index", "index_within_set", "2")
    assert "of index 0 to 1" in reason.message


def test_a_plain_set_has_no_dense_labels(core: Core, hand: Hand) -> None:
    with pytest.raises(ServiceError) as caught:
        label_grid_png(core, hand.ready_set(), 0)
    assert caught.value.code is ErrorCode.NO_ARCHIVE


def test_a_name_without_room_is_cut() -> None:
    font = ImageFont.load_default(FONT)
    assert _fitted("cat", font, WORDS) == "cat"
    cut = _fitted(NAMES[2], font, WORDS)
    assert cut.endswith("..")
    assert WORDS - 20 < font.getlength(cut) <= WORDS
