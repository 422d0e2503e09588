"""Archives of this service come back in every form, dense labels and all."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from api_schemas.problems import Reason
from method.normalizations import NORMALIZATIONS
from workers.ladd.archive.archive import Archive, read_archive, write_archive
from workers.ladd.archive.exports import EXPORTS, write_export
from workers.ladd.importers import Imported, ImportOptions
from workers.ladd.importers.dataset import import_upload

Reading = Callable[..., Imported]
Refusal = Callable[..., Reason]

RNG = np.random.default_rng(0)
LABELS = np.arange(6, dtype=np.int64) % 3
MEAN, STD = NORMALIZATIONS["cifar10"]
NAMES = ["ant", "bee", "cat"]
IMAGES: dict[str, np.ndarray[Any, Any]] = {
    "pixels": RNG.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8),
    "gray": RNG.integers(0, 256, (6, 8, 8, 1), dtype=np.uint8),
    "floats": RNG.normal(size=(6, 3, 8, 8)).astype(np.float32),
}


def make(
    folder: Path, kind: str = "pixels", encoding: str = "uint8", image_format: str = "npy", **more: Any
) -> Archive:
    """Write `archive.zip` into a folder, and return it read."""
    dense = torch.rand(6, 4, 3, generator=torch.Generator().manual_seed(0)).softmax(2).numpy()
    gray = kind == "gray"
    manifest = {
        "views": {"n": 2, "ratio": 0.5},
        "classes": NAMES,
        "normalization": {
            "name": "none" if gray else "cifar10",
            "mean": [0.5] if gray else list(MEAN),
            "std": [0.25] if gray else list(STD),
            "applied": kind == "floats",
        },
        "distilled_set": {"name": "d", "sha256": "0" * 64, "learned_lr": 0.02},
        "labeler": {"architecture": "ConvNetD3", "epoch": 10, "temperature": 1.5, "weights_sha256": "ab" * 32},
        "versions": {"torch": "2"},
    } | more
    path = folder / "archive.zip"
    write_archive(path, IMAGES[kind], LABELS, dense, dense[:, 0], manifest, dense[:, 1], encoding, image_format)
    return read_archive(path)


def forms(folder: Path, archive: Archive) -> dict[str, Path]:
    """Return every form that a job writes, by its name."""
    for form in EXPORTS:
        write_export(archive, form, folder / f"archive.{form}")
    return {"zip": folder / "archive.zip"} | {form: folder / f"archive.{form}" for form in EXPORTS}


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("form", ["zip", *EXPORTS])
def test_every_form_comes_back_as_it_was(tmp_path: Path, read: Reading, kind: str, form: str) -> None:
    archive = make(tmp_path, kind)
    imported = read(forms(tmp_path, archive)[form])
    split, augmented = imported.splits["all"], imported.augmented
    np.testing.assert_array_equal(split.images, archive.images)
    assert split.images.dtype == archive.images.dtype
    assert split.labels.tolist() == LABELS.tolist()
    assert imported.class_names == NAMES
    assert imported.stored_lr is not None
    assert imported.stored_lr[1] == 0.02
    assert split.soft is not None
    np.testing.assert_array_equal(split.soft.probabilities, archive.soft_labels)
    assert augmented is not None
    np.testing.assert_array_equal(augmented.dense_labels, archive.dense_labels)
    np.testing.assert_array_equal(augmented.full_labels, archive.full_labels)
    assert (augmented.manifest.views.n, augmented.manifest.views.ratio) == (2, 0.5)
    assert augmented.manifest.encoding == "uint8"
    [warning] = imported.warnings
    assert "made by ConvNetD3 (epoch 10, weights abababababab)" in warning


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_image_files_come_back(tmp_path: Path, read: Reading, image_format: str) -> None:
    archive = make(tmp_path, image_format=image_format)
    np.testing.assert_array_equal(read(tmp_path / "archive.zip").splits["all"].images, archive.images)


@pytest.mark.parametrize("encoding", ["float32", "float16", "uint8", "uint4", "topk:2"])
def test_every_encoding_is_decoded(tmp_path: Path, read: Reading, encoding: str) -> None:
    archive = make(tmp_path, encoding=encoding)
    augmented = read(tmp_path / "archive.zip").augmented
    assert augmented is not None
    np.testing.assert_array_equal(augmented.dense_labels, archive.dense_labels)


@pytest.mark.parametrize(("kind", "applied"), [("pixels", False), ("floats", True)])
def test_the_normalization_is_the_archives(tmp_path: Path, kind: str, applied: bool) -> None:
    make(tmp_path, kind)
    (tmp_path / "out").mkdir()
    options = ImportOptions(name="set", role="distilled")
    stats, augmented = import_upload([tmp_path / "archive.zip"], options, tmp_path / "out", lambda done, total: None)
    assert (stats.normalization.name, stats.normalization.applied) == ("cifar10", applied)
    assert stats.detection.format == "ladd"
    assert stats.learned_lr == 0.02
    assert augmented is not None


def rewritten(path: Path, **changed: Any) -> Path:
    """Change fields of a manifest (None: without it)."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"]) | changed
    members["manifest.json"] = json.dumps({k: v for k, v in manifest.items() if v is not None}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("changed", "rule", "shown"),
    [
        ({"schema_version": 2}, "archive_manifest", "schema_version"),
        ({"views": None}, "archive_manifest", "views: Field required"),
        ({"views": {"n": 0, "ratio": 0.5}}, "archive_manifest", "views.n"),
        ({"classes": ["a"]}, "archive_manifest", "3 classes, 1 names"),
        ({"encoding": "topk:3"}, "archive_manifest", "needs more than 3 classes"),
        ({"views": {"n": 3, "ratio": 0.5}}, "label_distributions", "uint8 [6, 4, 3]"),
        ({"encoding": "float32"}, "label_distributions", "they are uint8 [6, 4, 3]"),
        ({"encoding": "topk:2"}, "label_distributions", "not in encoding topk:2"),
        ({"num_classes": 4, "classes": [*NAMES, "dog"]}, "label_distributions", "float"),
    ],
    ids=str,
)
def test_manifests_that_do_not_fit_are_refused(
    tmp_path: Path, refused: Refusal, changed: dict[str, Any], rule: str, shown: str
) -> None:
    make(tmp_path)
    reason = refused(rewritten(tmp_path / "archive.zip", **changed))
    assert reason.rule == rule
    assert shown in reason.message


def test_labels_must_be_distributions(tmp_path: Path, refused: Refusal) -> None:
    archive = make(tmp_path)
    broken = Archive(
        archive.images, archive.labels, archive.dense_labels * 2, archive.full_labels, archive.manifest, None
    )
    write_export(broken, "safetensors", tmp_path / "broken.safetensors")
    reason = refused(tmp_path / "broken.safetensors")
    assert (reason.rule, reason.location) == ("label_distributions", "broken.safetensors/dense_labels")
    assert "sums 2 to 2" in reason.message


def test_a_set_of_whitened_space_asks_for_its_source(tmp_path: Path, refused: Refusal) -> None:
    make(tmp_path, normalization={"name": "zca", "mean": None, "std": None, "applied": False})
    assert refused(tmp_path / "archive.zip").rule == "zca_needs_source"


def test_a_parquet_file_of_others_is_refused(tmp_path: Path, refused: Refusal) -> None:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    pq.write_table(pa.table({"image": [b"x"], "label": [0]}), tmp_path / "train.parquet")
    reason = refused(tmp_path / "train.parquet")
    assert (reason.rule, reason.value) == ("archive_manifest", "image, label")
    assert "only Parquet files of this service are read" in reason.message


def test_an_archive_is_no_source_set(tmp_path: Path, refused: Refusal) -> None:
    make(tmp_path)
    assert refused(tmp_path / "archive.zip", role="source").rule == "distilled_only"


def test_other_files_are_no_archive(tmp_path: Path, refused: Refusal) -> None:
    np.savez(tmp_path / "set.npz", x=IMAGES["pixels"], y=LABELS)
    assert refused(tmp_path / "set.npz", format="ladd").rule == "archive_manifest"
