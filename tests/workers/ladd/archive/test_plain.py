"""A plain set is written in each layout of the field, and read back as it was."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from workers.ladd.archive.plain import PlainSet, PlainSplit, class_folders, write_plain
from workers.ladd.importers import ImportOptions
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.sets.stored_set import load_distilled, load_source

NAMES = ["ant", "bee", "wasp"]
MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.2, 0.1]
LABELS = np.repeat(np.arange(3), 2)
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
FLOATS = ((PIXELS / 255 - MEAN) / STD).astype(np.float32).transpose(0, 3, 1, 2)


@pytest.fixture
def plain(tmp_path: Path) -> Any:
    """Store arrays, by split, and return the set."""

    def make(images: Any = PIXELS, labels: Any = LABELS, splits: tuple[str, ...] = ("",), **changed: Any) -> PlainSet:
        for name, array in (("images", images), ("labels", labels), ("classes", LABELS)):
            np.save(tmp_path / f"{name}.npy", array)
        split = PlainSplit(*(tmp_path / f"{name}.npy" for name in ("images", "labels", "classes")))
        known: dict[str, Any] = {"names": NAMES, "carried": None, "mean": None, "std": None, "learned_lr": None}
        return PlainSet(splits=dict.fromkeys(splits, split), **known | changed)

    return make


@pytest.fixture
def again(tmp_path: Path) -> Any:
    """Read what was written as an upload of its own."""

    def read(path: Path, role: str = "distilled", **options: Any) -> Any:
        out = tmp_path / "out"
        out.mkdir()
        stats = import_dataset([path], ImportOptions(name="set", role=role, **options), out, lambda done, total: None)
        return stats, (load_source if role == "source" else load_distilled)(out)

    return read


def written(plain: PlainSet, layout: str, tmp_path: Path, name: str = "") -> Path:
    path = tmp_path / (name or f"set.{'npz' if layout == 'npz' else 'zip'}")
    write_plain(plain, layout, path)
    return path


@pytest.mark.parametrize(("images", "kept"), [(PIXELS, np.uint8), (FLOATS, np.float32)], ids=["pixels", "floats"])
def test_npz_holds_the_arrays_as_they_are(plain: Any, again: Any, tmp_path: Path, images: Any, kept: Any) -> None:
    statistics = {"mean": MEAN, "std": STD}
    path = written(plain(images, learned_lr=0.03), "npz", tmp_path)
    stats, read = again(path, **({"normalization": statistics} if kept == np.float32 else {}))
    assert read.images.dtype == kept
    np.testing.assert_array_equal(read.images, images)
    np.testing.assert_array_equal(read.labels, LABELS)
    assert ([count.name for count in stats.class_counts], stats.learned_lr) == (NAMES, 0.03)
    with np.load(path, allow_pickle=False) as arrays:
        assert set(arrays) == {"images", "labels", "class_names", "lr"}


def test_npz_of_a_source_set_has_its_splits(plain: Any, again: Any, tmp_path: Path) -> None:
    _, read = again(written(plain(splits=("train", "val")), "npz", tmp_path), "source")
    np.testing.assert_array_equal(read.train_images, PIXELS)
    np.testing.assert_array_equal(read.val_labels, LABELS)


def test_mtt_is_normalised_floats(plain: Any, again: Any, tmp_path: Path) -> None:
    path = written(plain(mean=MEAN, std=STD), "mtt", tmp_path)
    with zipfile.ZipFile(path) as files:
        assert files.namelist() == ["images_best.pt", "labels_best.pt"]
        files.extractall(tmp_path)
    images = torch.load(tmp_path / "images_best.pt", weights_only=True)
    torch.testing.assert_close(images, torch.from_numpy(FLOATS), atol=1e-5, rtol=0)
    assert torch.load(tmp_path / "labels_best.pt", weights_only=True).tolist() == LABELS.tolist()


@pytest.mark.parametrize("layout", ["npz", "mtt"])
def test_soft_labels_stand_in_the_place_of_classes(plain: Any, tmp_path: Path, layout: str) -> None:
    soft = np.random.default_rng(1).dirichlet(np.ones(3), 6).astype(np.float32)
    path = written(plain(FLOATS, soft), layout, tmp_path)
    if layout == "npz":
        labels = np.load(path)["labels"]
    else:
        with zipfile.ZipFile(path) as files:
            files.extract("labels_best.pt", tmp_path)
        labels = torch.load(tmp_path / "labels_best.pt", weights_only=True).numpy()
    np.testing.assert_array_equal(labels, soft)


@pytest.mark.parametrize("images", [PIXELS, FLOATS], ids=["pixels", "floats"])
def test_png_files_show_the_pixels(plain: Any, again: Any, tmp_path: Path, images: Any) -> None:
    path = written(plain(images, carried=(MEAN, STD)), "png", tmp_path)
    stats, read = again(path)
    np.testing.assert_array_equal(read.images, PIXELS)
    np.testing.assert_array_equal(read.labels, LABELS)
    assert [count.name for count in stats.class_counts] == NAMES


def test_png_files_of_a_source_set_lie_in_its_splits(plain: Any, again: Any, tmp_path: Path) -> None:
    _, read = again(written(plain(splits=("train", "val")), "png", tmp_path), "source")
    np.testing.assert_array_equal(read.val_images, PIXELS)


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["ant", "bee"], ["ant", "bee"]),
        (["wasp", "ant"], ["000_wasp", "001_ant"]),
        (["a/b", "a:b"], ["000_a_b", "001_a_b"]),
        (["..", "b"], ["000_class", "001_b"]),
    ],
)
def test_folders_sort_as_the_labels_do(names: list[str], folders: list[str]) -> None:
    assert class_folders(names) == folders


@pytest.mark.parametrize("layout", ["npz", "mtt", "png"])
def test_equal_sets_give_equal_bytes(plain: Any, tmp_path: Path, layout: str) -> None:
    first, second = (written(plain(), layout, tmp_path, name) for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_mtt_holds_no_source_set(plain: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mtt holds a distilled set"):
        written(plain(splits=("train", "val")), "mtt", tmp_path)
