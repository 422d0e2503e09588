"""The archive as a data set of torch: its views are those that the engine cuts, to the last bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from ladd_client.archive import Archive, ArchiveError
from ladd_client.data import LabelAugmentedDataset
from torch.utils.data import DataLoader

from method.normalizations import NORMALIZATIONS
from workers.ladd.archive.archive import write_archive
from workers.ladd.deployment.training_set import TrainingSet
from workers.ladd.engine.normalization import normalize, training_images
from workers.ladd.labels.views import ViewGrid, extract_views
from workers.ladd.sets.whitening import fit_whitening

RNG = np.random.default_rng(0)
MEAN, STD = (list(values) for values in NORMALIZATIONS["cifar10"])
CIFAR10 = {"name": "cifar10", "mean": MEAN, "std": STD, "applied": False}


def archive(
    size: int = 32,
    n: int = 5,
    ratio: float = 0.625,
    images: Any = None,
    normalization: dict[str, Any] = CIFAR10,
    soft: bool = False,
) -> Archive:
    """Six images of three classes; the manifest has what a data set reads of it."""
    dense = RNG.dirichlet(np.ones(3), size=(6, n * n)).astype(np.float32)
    return Archive(
        images=RNG.integers(0, 256, (6, size, size, 3), dtype=np.uint8) if images is None else images,
        labels=np.arange(6, dtype=np.int64) % 3,
        dense_labels=dense,
        full_labels=dense[:, 0],
        soft_labels=dense[:, 1] if soft else None,
        manifest={
            "views": {"n": n, "ratio": ratio},
            "normalization": normalization,
            "classes": ["a", "b", "c"],
        },
    )


@pytest.mark.parametrize(("size", "n", "ratio"), [(32, 5, 0.625), (28, 3, 0.7), (32, 1, 0.5), (64, 2, 1.0)])
def test_views_are_the_engines_to_the_last_bit(size: int, n: int, ratio: float) -> None:
    read = archive(size, n, ratio)
    grid = ViewGrid(n, ratio)
    images = training_images(read.images, MEAN, STD, None)
    expected = extract_views(images, grid)
    whole = LabelAugmentedDataset(read)
    for index in range(len(whole)):
        image, label, views, dense = whole[index]
        assert torch.equal(image, images[index])
        assert torch.equal(views, expected[index])
        assert label.tolist() == F.one_hot(torch.tensor(index % 3), 3).tolist()
        assert torch.equal(dense, torch.from_numpy(read.dense_labels[index]))
    assert len(whole) == 6
    drawn = LabelAugmentedDataset(read, f"sampled:{n}")
    _, _, views, dense = drawn[2]
    found = [int((whole.dense_labels[2] == row).all(1).nonzero()) for row in dense]
    assert len(set(found)) == n
    assert torch.equal(views, extract_views(images, grid, torch.tensor([found] * 6))[2])


def test_a_pool_has_the_rows_of_the_engines() -> None:
    read = archive(n=2)
    pool = LabelAugmentedDataset(read, "pool")
    assert len(pool) == 6 * 5
    images = training_images(read.images, MEAN, STD, None)
    training = TrainingSet(
        images, torch.from_numpy(read.labels), torch.from_numpy(read.dense_labels), ViewGrid(2, 0.625)
    )
    for index in range(len(pool)):
        pixels, label = pool[index]
        image, view = torch.tensor([index // 5]), torch.tensor([index % 5 - 1])
        assert torch.equal(pixels, training.pixels(image, view, full=int(view < 0))[0])
        expected = pool.labels[image[0]] if view < 0 else pool.dense_labels[image[0], view[0]]
        assert torch.equal(label, expected)


def test_sampled_views_are_drawn_anew_and_all_of_them_in_time() -> None:
    sampled = LabelAugmentedDataset(archive(n=2), "sampled:1")
    torch.manual_seed(0)
    seen = {tuple(sampled[0][3][0].tolist()) for _ in range(40)}
    assert seen == {tuple(row.tolist()) for row in sampled.dense_labels[0]}


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_makes_batches_of_it(workers: int) -> None:
    whole = LabelAugmentedDataset(archive(n=2))
    loader = DataLoader(whole, batch_size=4, num_workers=workers)
    shapes = [[list(tensor.shape) for tensor in batch] for batch in loader]
    assert shapes == [[[rows, 3, 32, 32], [rows, 3], [rows, 4, 3, 32, 32], [rows, 4, 3]] for rows in (4, 2)]


def test_soft_labels_take_the_place_of_the_classes() -> None:
    read = archive(soft=True)
    assert read.soft_labels is not None
    assert torch.equal(LabelAugmentedDataset(read)[1][1], torch.from_numpy(read.soft_labels[1]))


FLOATS = RNG.random((6, 3, 16, 16)).astype(np.float32)
NONE = {"name": "none", "mean": None, "std": None, "applied": False}


@pytest.mark.parametrize(
    ("images", "normalization", "carried"),
    [
        (FLOATS, CIFAR10 | {"applied": True}, (MEAN, STD)),
        (FLOATS, CIFAR10, None),
        (RNG.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8), CIFAR10, None),
    ],
)
def test_images_are_normalised_as_the_engine_does(images: Any, normalization: dict[str, Any], carried: Any) -> None:
    made = LabelAugmentedDataset(archive(images=images, normalization=normalization))
    assert torch.equal(made.images, training_images(images, MEAN, STD, carried))


def test_a_set_without_normalization_stays_on_the_unit_scale() -> None:
    read = archive(normalization=NONE)
    made = LabelAugmentedDataset(read)
    assert torch.equal(made.images, torch.from_numpy(read.images).permute(0, 3, 1, 2) / 255)
    assert made.test_images(read.images).equal(made.images)


def test_test_images_have_their_own_statistics_where_the_manifest_says_so() -> None:
    pixels = RNG.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    same = LabelAugmentedDataset(archive())
    assert torch.equal(same.test_images(pixels), normalize(torch.from_numpy(pixels), MEAN, STD))
    other = CIFAR10 | {"test": {"mean": [0.5] * 3, "std": [0.25] * 3}}
    made = LabelAugmentedDataset(archive(normalization=other))
    assert torch.equal(made.test_images(pixels), normalize(torch.from_numpy(pixels), [0.5] * 3, [0.25] * 3))


def test_a_set_of_whitened_space_needs_its_whitening() -> None:
    zca = {"name": "zca", "mean": None, "std": None, "applied": False}
    pixels = RNG.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="whiten must be given for an archive with normalization zca"):
        LabelAugmentedDataset(archive(images=pixels, normalization=zca))
    whitening = fit_whitening(RNG.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8))
    made = LabelAugmentedDataset(archive(images=pixels, normalization=zca), whiten=whitening.whiten)
    assert torch.equal(made.images, whitening.whiten_pixels(pixels))


@pytest.mark.parametrize("policy", ["progressive", "sampled:0", "half"])
def test_an_unknown_policy_is_refused(policy: str) -> None:
    with pytest.raises(ValueError, match=f"views must be 'full', 'pool' or 'sampled:K'.*got '{policy}'"):
        LabelAugmentedDataset(archive(), policy)


def test_more_views_than_there_are_are_refused() -> None:
    with pytest.raises(ValueError, match="more than the 4 views there are; got 'sampled:5'"):
        LabelAugmentedDataset(archive(n=2), "sampled:5")


def test_an_item_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError, match=r"index must be in \[0, 6\); got 6"):
        LabelAugmentedDataset(archive())[6]


def test_it_reads_a_file(tmp_path: Path) -> None:
    read = archive(n=2)
    path = tmp_path / "archive.zip"
    write_archive(path, read.images, read.labels, read.dense_labels, read.full_labels, read.manifest, encoding="uint8")
    made = LabelAugmentedDataset(str(path))
    assert (len(made), made.num_classes, made.view_count, made.class_names) == (6, 3, 4, ["a", "b", "c"])
    path.write_bytes(b"something else")
    with pytest.raises(ArchiveError, match="no archive of the LADD service"):
        LabelAugmentedDataset(path)
