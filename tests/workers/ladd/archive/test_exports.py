"""Every form of the archive, read back with the tool it is for, is the archive."""

import io
import json
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from webdataset.tariterators import group_by_keys, tar_file_expander  # type: ignore[import-untyped]

from method.files import ARCHIVE_ENDINGS
from method.normalizations import NORMALIZATIONS
from tests.workers.ladd.archive.readme_code import run_readme
from workers.ladd.archive.archive import Archive, read_archive, write_archive
from workers.ladd.archive.exports import EXPORTS, write_export
from workers.ladd.archive.image_files import read_image_files
from workers.ladd.engine.normalization import normalize, to_pixels
from workers.ladd.importers import ImportOptions
from workers.ladd.importers.dataset import import_dataset
from workers.ladd.sets.stored_set import load_distilled

RNG = np.random.default_rng(0)
LABELS = np.arange(6, dtype=np.int64) % 3
MEAN, STD = NORMALIZATIONS["cifar10"]
IMAGES: dict[str, np.ndarray[Any, Any]] = {
    "pixels": RNG.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8),
    "floats": RNG.normal(size=(6, 3, 8, 8)).astype(np.float32),
}


@pytest.fixture(params=IMAGES)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    """An archive with encoded labels, of 8-bit images or of floats that are normalised already."""
    dense = torch.rand(6, 4, 3, generator=torch.Generator().manual_seed(0)).softmax(2).numpy()
    manifest = {
        "views": {"n": 2, "ratio": 0.5},
        "classes": ["a", "b", "c"],
        "normalization": {"name": "cifar10", "mean": MEAN, "std": STD, "applied": request.param == "floats"},
    }
    write_archive(
        tmp_path / "archive.zip", IMAGES[request.param], LABELS, dense, dense[:, 0], manifest, dense[:, 1], "uint8"
    )
    return read_archive(tmp_path / "archive.zip")


def test_mtt(archive: Archive, tmp_path: Path) -> None:
    write_export(archive, "mtt", tmp_path / "mtt.zip")
    with zipfile.ZipFile(tmp_path / "mtt.zip") as opened:
        opened.extractall(tmp_path)
        assert json.loads(opened.read("manifest.json")) == archive.manifest
    for name in ("dense_labels", "full_labels", "soft_labels"):
        tensor = torch.load(tmp_path / f"{name}.pt", weights_only=True)
        np.testing.assert_array_equal(tensor.numpy(), getattr(archive, name))
    # The pair comes in again through the importer for what MTT saves.
    (tmp_path / "out").mkdir()
    pair = [tmp_path / "images_best.pt", tmp_path / "labels_best.pt"]
    options = ImportOptions(name="set", role="distilled", normalization="cifar10")
    import_dataset(pair, options, tmp_path / "out", lambda done, total: None)
    stored = load_distilled(tmp_path / "out")
    np.testing.assert_array_equal(stored.labels, archive.labels)
    images: np.ndarray[Any, Any] = np.array(stored.images)
    if archive.images.dtype == np.uint8:
        images = to_pixels(torch.from_numpy(images), MEAN, STD).numpy()
    np.testing.assert_array_equal(images, archive.images)


def test_safetensors(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "set.safetensors"
    write_export(archive, "safetensors", path)
    arrays = load_file(path)
    assert arrays["images"].dtype == archive.images.dtype
    for name in ("images", "labels", "dense_labels", "full_labels", "soft_labels"):
        np.testing.assert_array_equal(arrays[name], getattr(archive, name))
    with safe_open(path, "numpy") as opened:
        assert json.loads(opened.metadata()["manifest"]) == archive.manifest


def test_webdataset(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    write_export(archive, "webdataset", path)
    # The two stages of `webdataset.WebDataset`, which leaves its file open.
    with path.open("rb") as shard:
        samples = list(group_by_keys(tar_file_expander([{"url": path.name, "stream": shard}])))
    assert [sample["__key__"] for sample in samples] == [f"{index:06d}" for index in range(6)]
    assert [int(sample["cls"]) for sample in samples] == archive.labels.tolist()
    for name in ("dense_labels", "full_labels", "soft_labels"):
        soft = [np.load(io.BytesIO(sample[f"{name}.npy"])) for sample in samples]
        np.testing.assert_array_equal(soft, getattr(archive, name))
    if archive.images.dtype == np.uint8:
        images: Any = read_image_files([sample["png"] for sample in samples])
    else:
        images = [np.load(io.BytesIO(sample["image.npy"])) for sample in samples]
    np.testing.assert_array_equal(images, archive.images)


def test_parquet(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    write_export(archive, "parquet", path)
    table = pq.read_table(path)
    assert table["label"].to_pylist() == archive.labels.tolist()
    for name in ("dense_labels", "full_labels", "soft_labels"):
        np.testing.assert_array_equal(np.array(table[name].to_pylist(), dtype=np.float32), getattr(archive, name))
    column = table["image"].to_pylist()
    if archive.images.dtype == np.uint8:
        images: Any = read_image_files([image["bytes"] for image in column])
    else:
        images = np.array(column, dtype=np.float32)
    np.testing.assert_array_equal(images, archive.images)
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == table.column_names
    assert features["label"]["names"] == ["a", "b", "c"]
    assert json.loads(table.schema.metadata[b"ladd_manifest"]) == archive.manifest


def readme_of(path: Path, export_format: str) -> str:
    if export_format == "mtt":
        with zipfile.ZipFile(path) as opened:
            return opened.read("README.md").decode()
    if export_format == "safetensors":
        with safe_open(path, "numpy") as opened:
            return str(opened.metadata()["readme"])
    if export_format == "webdataset":
        with tarfile.open(path) as tar:
            member = tar.extractfile("__readme__/README.md")
            assert member is not None
            return member.read().decode()
    return str(pq.read_schema(path).metadata[b"ladd_readme"].decode())


@pytest.mark.parametrize("soft", [True, False], ids=["soft", "hard"])
@pytest.mark.parametrize("normalized", [True, False], ids=["normalized", "plain"])
@pytest.mark.parametrize("export_format", EXPORTS)
def test_every_form_has_a_readme_that_reads_it(
    archive: Archive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    export_format: str,
    normalized: bool,
    soft: bool,
) -> None:
    eight_bit = archive.images.dtype == np.uint8
    if not normalized:
        plain = {"name": "none", "mean": None, "std": None, "applied": False}
        archive = replace(archive, manifest=archive.manifest | {"normalization": plain})
    if not soft:
        archive = replace(archive, soft_labels=None)
    path = tmp_path / f"archive.{ARCHIVE_ENDINGS[export_format]}"
    write_export(archive, export_format, path)
    readme = readme_of(path, export_format)
    assert "4 of 8 px a side, from pixels [0, 4]" in readme
    scope = run_readme(readme, tmp_path, monkeypatch)
    images = torch.from_numpy(archive.images)
    expected = images.permute(0, 3, 1, 2) / 255 if eight_bit else images
    if eight_bit and normalized:
        expected = normalize(images, MEAN, STD)
    torch.testing.assert_close(scope["x"], expected)
    targets = archive.labels if archive.soft_labels is None else archive.soft_labels
    np.testing.assert_array_equal(scope["y"].numpy(), targets)
    np.testing.assert_array_equal(scope["dense"].numpy(), archive.dense_labels)


@pytest.mark.parametrize("export_format", EXPORTS)
def test_equal_archives_give_equal_bytes(archive: Archive, tmp_path: Path, export_format: str) -> None:
    for name in ("one", "two"):
        write_export(archive, export_format, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
