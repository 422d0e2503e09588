"""An upload becomes a set in our own form, with its stats."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from api_schemas.datasets import DatasetStats
from method.files import DISTILLED_FILES, SOFT_LABELS, SOURCE_FILES
from workers.ladd.importers import ImportOptions, ImportRejected
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.sets.stored_set import load_distilled, load_source

Importing = Callable[..., DatasetStats]

IMAGES = torch.linspace(-1.5, 1.5, 6 * 3 * 8 * 8).reshape(6, 3, 8, 8)
LABELS = torch.tensor([0, 0, 1, 1, 2, 2])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def imported(out: Path) -> Importing:
    """Import files into `out`; the stats as the API would show them."""

    def run(*files: Path, **options: Any) -> DatasetStats:
        given = ImportOptions(**{"name": "set", "role": "distilled", **options})
        return import_dataset(files, given, out, lambda done, total: None)

    return run


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    torch.save(IMAGES, tmp_path / "images.pt")
    torch.save(LABELS, tmp_path / "labels.pt")
    return [tmp_path / "images.pt", tmp_path / "labels.pt"]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A tar of class folders: 3 train and 2 val images of 8x8, the k-th with red k."""
    names = ["train/b/1.png", "train/a/1.png", "train/b/2.png", "val/a/1.png", "val/b/1.png"]
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        for value, name in enumerate(names):
            buffer = io.BytesIO()
            Image.new("RGB", (8, 8), (value, 5 - value, 2 * value)).save(buffer, "PNG")
            info = tarfile.TarInfo(name)
            info.size = buffer.tell()
            tar.addfile(info, io.BytesIO(buffer.getvalue()))
    return tmp_path / "set.tar"


def test_a_distilled_set_of_floats(imported: Importing, pair: list[Path], out: Path) -> None:
    stats = imported(*pair, normalization="cifar10")
    assert sorted(path.name for path in out.iterdir()) == sorted(DISTILLED_FILES)
    stored = load_distilled(out)
    assert stored.images.dtype == np.float32
    np.testing.assert_array_equal(stored.images, IMAGES.numpy())
    np.testing.assert_array_equal(stored.labels, LABELS.numpy())
    assert (stats.num_classes, stats.ipc, stats.num_images, stats.splits) == (3, 2, 6, {"all": 6})
    assert (stats.image_shape, stats.dtype) == ([3, 8, 8], "float32")
    assert (stats.value_range.minimum, stats.value_range.maximum) == (-1.5, 1.5)
    assert [(count.label, count.name, count.images) for count in stats.class_counts] == [
        (0, "0", {"all": 2}),
        (1, "1", {"all": 2}),
        (2, "2", {"all": 2}),
    ]
    assert stats.detection.format == "mtt"
    assert (stats.normalization.name, stats.normalization.applied) == ("cifar10", True)
    assert stats.bytes == sum(path.stat().st_size for path in out.iterdir())
    assert not stats.warnings


def test_a_source_set(imported: Importing, folders: Path, out: Path) -> None:
    stats = imported(folders, role="source")
    assert sorted(path.name for path in out.iterdir()) == sorted(SOURCE_FILES)
    stored = load_source(out)
    assert stored.train_images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert stored.train_labels.tolist() == [1, 0, 1]
    assert stored.val_images[:, 0, 0, 0].tolist() == [3, 4]
    assert stored.val_labels.tolist() == [0, 1]
    assert stored.num_classes == 2
    assert (stats.num_classes, stats.ipc, stats.num_images, stats.splits) == (2, None, 5, {"train": 3, "val": 2})
    assert [(count.name, count.images) for count in stats.class_counts] == [
        ("a", {"train": 1, "val": 1}),
        ("b", {"train": 2, "val": 1}),
    ]
    assert (stats.value_range.minimum, stats.value_range.maximum) == (0, 8)


def test_the_source_set_is_measured_on_its_train_split(imported: Importing, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(20) % 2
    np.savez(tmp_path / "s", x_train=pixels[:10], y_train=labels[:10], x_test=pixels[10:] // 2, y_test=labels[10:])
    normalization = imported(tmp_path / "s.npz", role="source").normalization
    scaled = pixels[:10].astype(np.float64) / 255
    assert normalization.name == "measured"
    assert normalization.mean == pytest.approx(scaled.mean(axis=(0, 1, 2)).tolist(), rel=1e-12)
    assert normalization.std == pytest.approx(scaled.std(axis=(0, 1, 2)).tolist(), rel=1e-12)


def test_channels_first_pixels_are_stored_channels_last(imported: Importing, tmp_path: Path, out: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "s", x=pixels, y=np.arange(2))
    assert imported(tmp_path / "s.npz").image_shape == [3, 8, 8]
    np.testing.assert_array_equal(load_distilled(out).images, pixels.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_other_floats_are_stored_as_float32(
    imported: Importing, pair: list[Path], out: Path, dtype: torch.dtype
) -> None:
    torch.save(IMAGES.to(dtype), pair[0])
    assert imported(*pair, normalization="cifar10").dtype == "float32"
    np.testing.assert_array_equal(load_distilled(out).images, IMAGES.to(dtype).float().numpy())


def test_classes_of_unequal_size_have_no_ipc(imported: Importing, pair: list[Path]) -> None:
    torch.save(torch.tensor([0, 0, 0, 1, 1, 2]), pair[1])
    assert imported(*pair, normalization="cifar10").ipc is None


@pytest.mark.parametrize(
    ("value", "shown"), [(float("nan"), "nan in image 3"), (float("inf"), "inf in image 3"), (1e300, "inf in image 3")]
)
def test_values_that_are_not_finite_are_refused(
    imported: Importing, pair: list[Path], value: float, shown: str
) -> None:
    broken = IMAGES.double()
    broken[3, 1, 2, 0] = value
    torch.save(broken, pair[0])
    with pytest.raises(ImportRejected) as caught:
        imported(*pair)
    [reason] = caught.value.reasons
    assert (reason.rule, reason.location, reason.value) == ("finite_values", "images.pt", shown)


def test_soft_labels_are_stored_as_probabilities(imported: Importing, pair: list[Path], out: Path) -> None:
    logits = torch.eye(3).repeat_interleave(2, dim=0) * 4 - 2
    torch.save(logits, pair[1])
    stats = imported(*pair, normalization="cifar10")
    assert (stats.soft_labels, stats.detection.format, stats.ipc) == ("logits", "datm", 2)
    assert "logits" in stats.detection.reason
    stored = load_distilled(out)
    assert stored.labels.tolist() == LABELS.tolist()
    assert stored.soft_labels is not None
    assert stored.soft_labels.dtype == np.float32
    np.testing.assert_allclose(stored.soft_labels, torch.softmax(logits, dim=1).numpy(), rtol=1e-6)
    names = (*DISTILLED_FILES, SOFT_LABELS)
    lines = [f"{name} {hashlib.sha256((out / name).read_bytes()).hexdigest()}\n" for name in sorted(names)]
    assert stats.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert stats.bytes == sum(path.stat().st_size for path in out.iterdir())


def test_hard_labels_have_no_soft_ones_beside(imported: Importing, pair: list[Path], out: Path) -> None:
    assert imported(*pair, normalization="cifar10").soft_labels is None
    assert load_distilled(out).soft_labels is None


@pytest.mark.parametrize(("given", "found"), [(None, 0.02), (0.5, 0.5)])
def test_a_learned_lr_is_kept(
    imported: Importing, pair: list[Path], tmp_path: Path, given: float | None, found: float
) -> None:
    torch.save(torch.tensor(0.02), tmp_path / "lr_best.pt")
    stats = imported(*pair, tmp_path / "lr_best.pt", normalization="cifar10", learned_lr=given)
    assert stats.learned_lr == found
    assert len(stats.warnings) == (given is not None)


def test_idc_is_cut_and_its_normalization_not_undone(imported: Importing, tmp_path: Path, out: Path) -> None:
    torch.save([IMAGES, LABELS], tmp_path / "data.pt")
    stats = imported(tmp_path / "data.pt", normalization="cifar10", factor=2)
    assert (stats.num_images, stats.ipc, stats.normalization.applied) == (24, 8, False)
    assert stats.detection.format == "idc"
    assert load_distilled(out).images.shape == (24, 3, 8, 8)


def test_a_wrong_number_of_labels_is_refused(imported: Importing, pair: list[Path]) -> None:
    torch.save(LABELS[:5], pair[1])
    with pytest.raises(ImportRejected) as caught:
        imported(*pair)
    [reason] = caught.value.reasons
    assert (reason.rule, reason.location) == ("labels_match_images", "labels.pt")
    assert reason.value == "5 labels, 6 images"


def test_a_truncated_tensor_file_is_refused(imported: Importing, pair: list[Path]) -> None:
    pair[0].write_bytes(pair[0].read_bytes()[:2000])
    with pytest.raises(ImportRejected) as caught:
        imported(*pair)
    [reason] = caught.value.reasons
    assert (reason.rule, reason.location) == ("not_truncated", "images.pt")


def test_equal_content_has_an_equal_digest(imported: Importing, pair: list[Path], out: Path) -> None:
    first = imported(*pair, normalization="cifar10").sha256
    lines = [f"{name} {hashlib.sha256((out / name).read_bytes()).hexdigest()}\n" for name in sorted(DISTILLED_FILES)]
    assert first == hashlib.sha256("".join(lines).encode()).hexdigest()
    torch.save({"data": [[IMAGES, LABELS]]}, pair[0])
    assert imported(pair[0], normalization="cifar10").sha256 == first
    torch.save({"data": [[IMAGES + 1, LABELS]]}, pair[0])
    assert imported(pair[0], normalization="cifar10").sha256 != first


def test_progress_ends_at_the_total(folders: Path, out: Path) -> None:
    seen: list[tuple[int, int]] = []
    import_dataset(
        [folders], ImportOptions(name="set", role="source"), out, lambda done, total: seen.append((done, total))
    )
    size = folders.stat().st_size
    assert {total for _, total in seen} == {2 * size}
    dones = [done for done, _ in seen]
    assert dones == sorted(dones)
    assert any(0 < done < size for done in dones)
    assert dones[-1] == 2 * size


def test_stored_sets_are_found_by_file_as_well(imported: Importing, pair: list[Path], out: Path) -> None:
    imported(*pair, normalization="cifar10")
    elsewhere = {name: (out / name).rename(out / f"blob{index}") for index, name in enumerate(DISTILLED_FILES)}
    images = load_distilled(elsewhere).images
    np.testing.assert_array_equal(images, IMAGES.numpy())
    torch.from_numpy(images).add_(1)
    assert load_distilled(elsewhere).images[0, 0, 0, 0] == IMAGES[0, 0, 0, 0]


@pytest.fixture(scope="session")
def local_data() -> Path:
    folder = os.environ.get("LADD_LOCAL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LADD_LOCAL_DATA does not name the folder of real image sets (benchmarks/README.md)")
    return Path(folder)


@pytest.mark.local_data
@pytest.mark.parametrize("ipc", [1, 10])
def test_a_published_dc_set(imported: Importing, local_data: Path, out: Path, ipc: int) -> None:
    stats = imported(local_data / "distilled" / f"distgen_res_DC_CIFAR10_ConvNet_{ipc}ipc.pt", normalization="cifar10")
    assert (stats.num_classes, stats.ipc, stats.image_shape) == (10, ipc, [3, 32, 32])
    assert (stats.detection.format, stats.normalization.applied) == ("dc", True)
    assert load_distilled(out).labels.tolist() == [label for label in range(10) for _ in range(ipc)]
    assert "usual for sets optimised in pixel space" in stats.warnings[0]


@pytest.mark.local_data
@pytest.mark.parametrize("method", ["dsa", "dm", "random_real"])
def test_published_sets_of_pixels(imported: Importing, local_data: Path, method: str) -> None:
    stats = imported(local_data / "distilled" / f"{method}_cifar10_10ipc_dcbench_png.npz")
    assert (stats.num_classes, stats.ipc, stats.dtype) == (10, 10, "uint8")
    assert stats.normalization.applied is False


@pytest.mark.local_data
def test_a_real_source_set_of_arrays(imported: Importing, local_data: Path) -> None:
    stats = imported(local_data / "cifar10_lossless_subset.npz", role="source")
    assert (stats.num_classes, stats.splits) == (10, {"train": 5170, "val": 1017})
    assert stats.class_counts[0].name == "airplane"


@pytest.mark.local_data
def test_imagenette_as_it_comes_in_two_tars(imported: Importing, local_data: Path) -> None:
    stats = imported(local_data / "imagenette128-train.tar", local_data / "imagenette128-val.tar", role="source")
    assert (stats.splits, stats.image_shape) == ({"train": 9469, "val": 3925}, [3, 128, 128])
    assert stats.class_counts[0].name == "n01440764"
