"""The program of `make demo`: the whole method on real data, over HTTP, on a stack of its own.

Fashion-MNIST is the source set; `fashion_mnist_dm_ipc10/` (made by `distill_dm.py`) is the distilled set. The
archive, the report and its table are left in `demo-output/`.
"""

import shutil
import sys
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from fashion_mnist import FashionMnistError, find_fashion_mnist, pack_source_set
from ladd_client.api import LaddClient
from ladd_client.errors import ClientError, failure_text
from ladd_client.handles import Job
from ladd_client.stages import StageBoard
from ladd_client.tables import report_text
from ladd_client.watch import watch
from rich.console import Console

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole
from api_schemas.jobs import JobKind, JobState, LaddParams, LaddRequest
from api_schemas.report_tables import clock
from stack.interrupts import signals_interrupt
from stack.readiness import NotReadyError
from stack.running import Stack, running_stack, running_url

# Everything that decides how long the demo takes and what its table says. The paper's evaluation has 1,000 epochs,
# five trials and five architectures; this one is cut to end in under six minutes on two CPU cores.
TRAIN_IMAGES_PER_CLASS = 200
VAL_IMAGES_PER_CLASS = 100
JOB: dict[str, Any] = {
    "labeler": {"epochs": 10, "lr": 0.01, "batch_size": 32, "momentum": 0.9},
    "views": {"n": 5, "ratio": 0.625},
    "evaluation": {
        # Two that learn in so few epochs; VGG11 does not.
        "architectures": ["ConvNetD3", "AlexNet"],
        "trials": 3,
        "recipe": "glad",
        "overrides": {
            "epochs": 40,
            "views": "sampled:1",
            "reduction": "mean",
            "batch_size": 25,
            "lr": 0.01,
            "precision": "fast",
        },
    },
}

ROOT = Path(__file__).resolve().parent.parent
DISTILLED = ROOT / "examples" / "fashion_mnist_dm_ipc10"
CACHE = ROOT / ".cache" / "fashion-mnist"
STACK = ROOT / ".stack" / "demo"
OUTPUT = ROOT / "demo-output"


class DemoError(Exception):
    """A stage ended otherwise than hoped; the message says how."""


def main() -> int:
    """Run the demo and return the process's exit code."""
    console = Console()
    began = time.monotonic()
    try:
        with signals_interrupt(), StageBoard(console) as board:
            table = run(board)
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        return 130
    except (ClientError, DemoError, FashionMnistError, NotReadyError) as error:
        console.print(f"\nThe demo failed.\n{error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    console.print(f"\n{table}\n", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{clock(time.monotonic() - began)} in all; archive, report and table are in {OUTPUT}", highlight=False
    )
    return 0


def run(board: StageBoard) -> str:
    """Go through the stages, leave the files in `demo-output/`, and return the report as text."""
    source_tar = prepare_source_set(board)
    OUTPUT.mkdir(exist_ok=True)
    with ExitStack() as resources:
        with board.stage("start stack") as stage:
            stack = resources.enter_context(fresh_stack())
            stage.note = stack.url
        client = resources.enter_context(LaddClient(stack.url))
        source = upload(
            board,
            client,
            "upload source",
            DatasetMetadata(name="Fashion-MNIST, 32 px", role=DatasetRole.SOURCE),
            [source_tar],
        )
        distilled = upload(
            board,
            client,
            "upload distilled",
            DatasetMetadata(
                name="Fashion-MNIST, DM, 10 images per class",
                role=DatasetRole.DISTILLED,
                normalization="fashion_mnist",
                source_dataset=source.id,
            ),
            [DISTILLED / "images_best.pt", DISTILLED / "labels_best.pt"],
        )
        params = LaddParams.model_validate({"dataset": distilled.id, **JOB})
        job = client.submit(LaddRequest(kind=JobKind.LADD, params=params, tags={"from": "demo"}))
        job = finished(watch(client, job.id, board))
        archive = download(board, client, job)
        report = client.report(job.id)
    with board.stage("numpy.load") as stage:
        stage.note = describe_archive(archive)
    text = report_text(report)
    (OUTPUT / "report.json").write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (OUTPUT / "report.txt").write_text(text + "\n", encoding="utf-8")
    return text


def prepare_source_set(board: StageBoard) -> Path:
    """Find Fashion-MNIST and pack the part of it that the demo uses, or take the tar of an earlier demo."""
    tar = CACHE / f"source_{TRAIN_IMAGES_PER_CLASS}_{VAL_IMAGES_PER_CLASS}.tar"
    with board.stage("find data") as stage:
        data = find_fashion_mnist(CACHE)
        stage.note = str(data)
    with board.stage("pack source set") as stage:
        if tar.exists():
            stage.note = "packed earlier"
        else:
            pack_source_set(
                data,
                tar,
                train_per_class=TRAIN_IMAGES_PER_CLASS,
                val_per_class=VAL_IMAGES_PER_CLASS,
                on_progress=lambda done, total: stage.update(done, total, "images"),
            )
    return tar


def fresh_stack() -> AbstractContextManager[Stack]:
    """A stack without the data of earlier demos, stopped when the context is left."""
    if running_url(STACK):
        raise DemoError(
            f"a demo is running, or was killed and left its stack behind: stop it with\n"
            f"  {sys.executable} -m stack down --dir {STACK}"
        )
    shutil.rmtree(STACK, ignore_errors=True)
    return running_stack(STACK, say=lambda _: None)


def upload(
    board: StageBoard, client: LaddClient, stage_name: str, metadata: DatasetMetadata, files: list[Path]
) -> Dataset:
    """Upload a set and see its validation through."""
    with board.stage(stage_name) as stage:
        dataset = client.upload_dataset(metadata, files, stage.bytes)
    finished(watch(client, dataset.job, board))
    return client.dataset(dataset.id)


def download(board: StageBoard, client: LaddClient, job: Job) -> Path:
    """Fetch the archive of the set that the job made."""
    if job.result is None or job.result.dataset is None:
        raise DemoError(f"{job.id} succeeded without a label-augmented set")
    archive = OUTPUT / "archive.zip"
    with board.stage("download") as stage:
        client.download_archive(job.result.dataset, archive, stage.bytes)
    return archive


def describe_archive(archive: Path) -> str:
    """Open the archive with nothing but NumPy and check that every dense label is a distribution."""
    with np.load(archive, allow_pickle=False) as arrays:
        shapes = {name: arrays[name].shape for name in ("images", "labels", "dense_labels")}
        sums = arrays["dense_labels"].sum(axis=-1)
    if not np.allclose(sums, 1, atol=1e-4):
        raise DemoError(f"{archive}: dense labels must sum to 1, found sums from {sums.min()} to {sums.max()}")
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())


def finished(job: Job) -> Job:
    """The job, if it succeeded. Raises `DemoError`."""
    if job.state is not JobState.SUCCEEDED:
        raise DemoError(failure_text(job))
    return job


if __name__ == "__main__":
    sys.exit(main())
