"""An upload becomes a set; an archive of this service one with its dense labels, and the archive again."""

import hashlib
import io
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from api_schemas.runner import RunnerTask
from workers.ladd.archive.archive import read_archive, write_archive
from workers.ladd.archive.exports import write_export
from workers.ladd.importers.dataset import import_upload
from workers.runner.reporter import Reporter
from workers.runner.tasks import ingest

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(6, dtype=np.int64) % 3


@pytest.fixture(params=["float32", "uint8"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    dense = torch.rand(6, 4, 3, generator=torch.Generator().manual_seed(0)).softmax(2).numpy()
    normalization: dict[str, Any] = {"name": "none", "mean": [0.5] * 3, "std": [0.25] * 3, "applied": False}
    if request.param == "uint8":
        # Of real images, where a set is evaluated as published.
        normalization["test"] = {"mean": [0.4] * 3, "std": [0.2] * 3}
    manifest = {
        "views": {"n": 2, "ratio": 0.5},
        "classes": ["ant", "bee", "cat"],
        "normalization": normalization,
        "distilled_set": {"name": "d", "sha256": "0" * 64, "learned_lr": None},
        "labeler": {"ensemble": [{"epoch": 10, "temperature": 1.0}, {"epoch": 20, "temperature": 2.0}]},
        "versions": {"torch": "2"},
    }
    write_archive(tmp_path / "archive.zip", PIXELS, LABELS, dense, dense[:, 0], manifest, None, request.param, "png")
    return tmp_path / "archive.zip"


def ingested(path: Path, folder: Path, small_seconds: float | None = None, **metadata: Any) -> dict[str, Any]:
    """Run the task on one file; its outputs lie in `outputs/`."""
    (folder / "outputs").mkdir(parents=True)
    task = RunnerTask.model_validate(
        {
            "type": "ingest",
            "documents": {},
            "device": "cpu",
            "threads": 1,
            "small_seconds": small_seconds,
            "params": {"metadata": {"name": "set", "role": "distilled", **metadata}, "files": {"f": path.name}},
            "inputs": {"uploads": {"f": str(path)}},
        }
    )
    done = ingest.run(task, folder, Reporter(io.BytesIO()))
    assert done.result is not None
    return {"files": done.files, **done.result}


def test_an_archive_comes_back_with_its_labels_byte_by_byte(archive: Path, tmp_path: Path) -> None:
    result = ingested(archive, tmp_path / "task")
    outputs = tmp_path / "task" / "outputs"
    assert {"archive.zip", "dense_labels.npy", "full_labels.npy", "images.npy", "labels.npy"} <= set(result["files"])
    written = read_archive(archive)
    np.testing.assert_array_equal(np.load(outputs / "images.npy"), PIXELS)
    np.testing.assert_array_equal(np.load(outputs / "full_labels.npy"), written.full_labels)
    np.testing.assert_allclose(np.load(outputs / "dense_labels.npy"), written.dense_labels, rtol=1e-6)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (archive, outputs / "archive.zip")]
    assert digests[0] == digests[1]
    assert result["augmentation"] == {
        "parent": None,
        "labeler": None,
        "epoch": [10, 20],
        "temperature": [1.0, 2.0],
        "n": 2,
        "ratio": 0.5,
        "encoding": written.manifest["encoding"],
        "digest": None,
        "reused_from": None,
        "labeler_normalizations": None,
    }


@pytest.mark.parametrize("seconds", [1000, None])
def test_the_clock_of_a_small_upload_stands_still_when_it_is_read(
    archive: Path, tmp_path: Path, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    remaining = []

    def look(*arguments: Any) -> Any:
        remaining.append(signal.getitimer(signal.ITIMER_PROF)[0])
        return import_upload(*arguments)

    monkeypatch.setattr(ingest, "import_upload", look)
    ingested(archive, tmp_path / "task", seconds)
    assert remaining[0] == pytest.approx(seconds or 0, abs=1)
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


@pytest.mark.parametrize("form", ["mtt", "safetensors", "webdataset", "parquet"])
def test_other_forms_become_the_same_set(archive: Path, tmp_path: Path, form: str) -> None:
    write_export(read_archive(archive), form, tmp_path / f"archive.{form}")
    first = ingested(archive, tmp_path / "first")
    other = ingested(tmp_path / f"archive.{form}", tmp_path / "other")
    assert other["stats"]["sha256"] == first["stats"]["sha256"]
    assert other["augmentation"] == first["augmentation"]
    names = ("dense_labels.npy", "full_labels.npy")
    for name in names:
        arrays = [np.load(tmp_path / run / "outputs" / name) for run in ("first", "other")]
        np.testing.assert_allclose(arrays[0], arrays[1], rtol=1e-6)


def test_a_plain_set_has_no_augmentation(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=PIXELS, labels=LABELS)
    result = ingested(tmp_path / "set.npz", tmp_path / "task")
    assert "augmentation" not in result
    assert "archive.zip" not in result["files"]
