"""A runner that stays does each task as a fresh one would, and keeps nothing of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from api_schemas.runner import DoneEvent, FailedEvent, ReadyEvent, RunnerEvent, RunnerTask, TaskType
from workers.ladd.importers import ImportOptions
from workers.ladd.importers.dataset import import_dataset
from workers.runner.watchdog import ORPHANED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no runner can forget its peak, so none stays"),
]

SIDE, IMAGES, CLASSES = 32, 6, 2
MIB = 1 << 20
ANY_EVENT: TypeAdapter[RunnerEvent | ReadyEvent] = TypeAdapter(RunnerEvent | ReadyEvent)


class Runner:
    """A runner's process, and what it has told."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def next_event(self) -> RunnerEvent | ReadyEvent | None:
        """None at the end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return ANY_EVENT.validate_json(line) if line else None

    def ending(self) -> DoneEvent | FailedEvent:
        while not isinstance(event := self.next_event(), DoneEvent | FailedEvent):
            assert event is not None
        return event

    def row(self) -> dict[str, Any]:
        ending = self.ending()
        assert isinstance(ending, DoneEvent), ending
        row: dict[str, Any] = ending.result["row"]
        return row

    def go_on(self, folder: Path) -> None:
        assert isinstance(self.next_event(), ReadyEvent)
        assert self.process.stdin is not None
        self.process.stdin.write(os.fsencode(folder) + b"\n")
        self.process.stdin.flush()

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def runner(folder: Path) -> Iterator[Runner]:
    with subprocess.Popen(
        [sys.executable, "-m", "workers.runner", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    ) as process:
        try:
            yield Runner(process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a small set that is tested on its own images, and its document."""
    folder = tmp_path_factory.mktemp("set")
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    np.savez(folder / "set.npz", images=images, labels=np.arange(IMAGES) % CLASSES)
    options = ImportOptions(name="set", role="distilled", normalization="none")
    stats = import_dataset([folder / "set.npz"], options, folder, lambda done, total: None)
    document: dict[str, Any] = {
        "id": "ds_" + "0" * 26,
        "name": "set",
        "role": "distilled",
        "state": "ready",
        "metadata": {"name": "set", "role": "distilled"},
        "files": [],
        "stats": stats.model_dump(mode="json"),
        "augmentation": None,
        "reasons": [],
        "job": "job_" + "0" * 26,
        "created_at": "2026-01-01T00:00:00Z",
        "links": {"self": "", "archive": None, "job": ""},
    }
    return folder, document


@pytest.fixture
def make_folder(stored: tuple[Path, dict[str, Any]], tmp_path: Path) -> Any:
    """Make the folder of a trial, by its number and architecture."""
    made, document = stored

    def make(trial: int, architecture: str = "ConvNetD3", **params: Any) -> Path:
        folder = tmp_path / f"{trial}_{architecture}"
        for part in ("inputs", "checkpoint"):
            (folder / part).mkdir(parents=True)
        for name in ("images.npy", "labels.npy"):
            shutil.copyfile(made / name, folder / "inputs" / name)
        task = RunnerTask(
            type=TaskType.EVALUATE,
            params={
                "dataset": document["id"],
                "arm": "baseline",
                "architecture": architecture,
                "trial": trial,
                "recipe": "glad",
                "overrides": {"epochs": 2},
                "seed": 0,
                "explained_images": 0,
                "mean": [0.5] * 3,
                "std": [0.25] * 3,
                "learned_lr": None,
            }
            | params,
            inputs={
                "dataset": {name: f"inputs/{name}" for name in ("images.npy", "labels.npy")},
                "source": {f"val_{name}": f"inputs/{name}" for name in ("images.npy", "labels.npy")},
            },
            documents={"dataset": document},
            device="cpu",
            threads=1,
            stays=True,
        )
        (folder / "task.json").write_text(task.model_dump_json())
        return folder

    return make


def result(row: dict[str, Any]) -> dict[str, Any]:
    """The row without what depends on the moment."""
    told = {name: value for name, value in row["trial"].items() if name not in ("seconds", "peak_bytes")}
    return row | {"trial": told | {"predicted_peak_bytes": 0}}


def test_the_last_of_several_tasks_is_done_as_the_first_of_a_fresh_runner(make_folder: Any) -> None:
    large, small, again = make_folder(0, "ResNet18"), make_folder(1), make_folder(1, "ViT")
    shutil.copytree(small, fresh_folder := small.with_name("fresh"))
    with runner(large) as warm:
        large_row = warm.row()
        warm.go_on(again)
        assert warm.row()["architecture"] == "ViT"
        warm.go_on(small)
        shutil.rmtree(large)
        last = warm.row()
    with runner(fresh_folder) as fresh:
        first = fresh.row()
    assert result(last) == result(first)
    # What ResNet18 has taken is neither still there nor counted again.
    assert last["trial"]["peak_bytes"] < large_row["trial"]["peak_bytes"] - 100 * MIB
    assert last["trial"]["peak_bytes"] < first["trial"]["peak_bytes"] + 60 * MIB


def test_memory_goes_back_between_two_tasks(make_folder: Any) -> None:
    with runner(make_folder(0)) as warm:
        warm.ending()
        warm.go_on(make_folder(1, "ResNet18"))
        peak = warm.row()["trial"]["peak_bytes"]
        assert isinstance(warm.next_event(), ReadyEvent)
        assert warm.resident_bytes() < peak - 100 * MIB


def test_a_runner_that_failed_does_not_stay(make_folder: Any) -> None:
    with runner(make_folder(0, recipe="none of ours")) as failed:
        assert isinstance(failed.ending(), FailedEvent)
        assert failed.next_event() is None
        assert failed.process.wait(60) == 0


def test_a_waiting_runner_goes_with_its_supervisor(make_folder: Any) -> None:
    with runner(make_folder(0)) as orphan:
        orphan.ending()
        assert isinstance(orphan.next_event(), ReadyEvent)
        assert orphan.process.stdin is not None
        orphan.process.stdin.close()
        assert orphan.process.wait(60) == ORPHANED
