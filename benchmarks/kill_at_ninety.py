"""The cost of a kill: the runner of an evaluation is killed at 90 % of each trial, through the whole service.

    make demo    # packs the source set this takes
    python benchmarks/kill_at_ninety.py

Every trial's first runner gets SIGKILL when its progress passes 90 %. From the job's events: how much of the work
the second attempt did again, and how long it was until it stood where the first one had died. Writes
`results/kill_at_ninety.json` and `.md`.
"""

import argparse
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ladd_client.api import LaddClient
from over_http import service, upload, write

from api_schemas.datasets import Dataset, DatasetMetadata, DatasetRole
from api_schemas.events import EventType, JobEvent
from api_schemas.jobs import EvaluateParams, EvaluateRequest, JobKind, JobState

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / ".cache" / "fashion-mnist" / "source_200_100.tar"
DISTILLED = ROOT / "examples" / "fashion_mnist_dm_ipc10"
KILL_AT = 0.9

CAVEATS = [
    "Work done again is what the killed attempt had reported beyond the point where the next one began, at the "
    "rate of the first attempt. Progress is reported about once a second, so it is exact to that.",
    "In line: from the kill until the second attempt began. Other trials of the job that waited for a slot come first.",
    "Catching up: from there until it stood where the first had died: a new process, the checkpoint's way from "
    "storage, the work done again.",
]


@dataclass
class KilledTrial:
    """One trial: what its first attempt had done, and where its second began. `done` counts images forwarded."""

    killed: JobEvent | None = None
    began: JobEvent | None = None
    before: list[JobEvent] = field(default_factory=list)
    resumed_at: int | None = None
    caught_up: JobEvent | None = None

    def hear(self, event: JobEvent) -> bool:
        """Take in an event of progress; True: the time to kill has come."""
        done = int(event.data["done"])
        if self.killed is None:
            self.before.append(event)
            if done < KILL_AT * event.data["total"]:
                return False
            self.killed = event
            return True
        # A new attempt reports 0 before it has read its checkpoint.
        if self.began is not None and done and self.resumed_at is None:
            self.resumed_at = done
        if self.resumed_at is not None and self.caught_up is None and done >= self.killed.data["done"]:
            self.caught_up = event
        return False

    def figures(self) -> dict[str, float]:
        """Fractions and seconds of this kill. Raises SystemExit if the trial did not go on after it."""
        if self.killed is None or self.began is None or self.resumed_at is None or self.caught_up is None:
            raise SystemExit("a trial ended without a kill or without going on after it: give it more epochs")
        first, died = self.before[0], self.killed
        ran = (died.time - first.time).total_seconds()
        again = max(0, died.data["done"] - self.resumed_at)
        return {
            "killed_at": died.data["done"] / died.data["total"],
            "ran_seconds": ran,
            "again_seconds": again * ran / (died.data["done"] - first.data["done"]),
            "in_line_seconds": (self.began.time - died.time).total_seconds(),
            "catching_up_seconds": (self.caught_up.time - self.began.time).total_seconds(),
        }


def main() -> None:
    """Read the command line, run and kill, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=SOURCE, help="tar of a source set; default: that of `make demo`")
    parser.add_argument("--url", help="a service on this machine; default: a stack of its own")
    parser.add_argument("--architecture", default="ConvNetD3")
    parser.add_argument("--epochs", type=int, default=700, help="enough for a trial of two minutes or more")
    parser.add_argument("--trials", type=int, default=5)
    asked = parser.parse_args()
    with service(asked.url) as client:
        rows = kill_each_trial(client, uploaded(client, asked.source), asked.architecture, asked.epochs, asked.trials)
    table = "trial | killed at | after s | work done again s | in line s | catching up s\n" + "\n".join(
        f"{number} | {row['killed_at']:.1%} | {row['ran_seconds']:.0f} | {row['again_seconds']:.1f} | "
        f"{row['in_line_seconds']:.1f} | {row['catching_up_seconds']:.1f}"
        for number, row in enumerate(rows)
    )
    write("kill_at_ninety", CAVEATS, {"architecture": asked.architecture, "epochs": asked.epochs, "rows": rows}, table)
    print(table)


def uploaded(client: LaddClient, source_tar: Path) -> Dataset:
    """The distilled Fashion-MNIST set of `examples/`, uploaded after its source set."""
    source = upload(client, DatasetMetadata(name="Fashion-MNIST, 32 px", role=DatasetRole.SOURCE), [source_tar])
    metadata = DatasetMetadata(
        name="Fashion-MNIST, DM, 10 images per class",
        role=DatasetRole.DISTILLED,
        normalization="fashion_mnist",
        source_dataset=source.id,
    )
    return upload(client, metadata, [DISTILLED / "images_best.pt", DISTILLED / "labels_best.pt"])


def kill_each_trial(
    client: LaddClient, distilled: Dataset, architecture: str, epochs: int, trials: int
) -> list[dict[str, float]]:
    """Run an evaluation whose every trial loses its first runner. Exits if the job does not succeed all the same."""
    evaluation: dict[str, Any] = {
        "dataset": distilled.id,
        "arms": ["baseline"],
        "architectures": [architecture],
        "trials": trials,
        "overrides": {"epochs": epochs},
    }
    params = EvaluateParams.model_validate(evaluation)
    job = client.submit(EvaluateRequest(kind=JobKind.EVALUATE, params=params))
    killed = {task.name: KilledTrial() for task in job.tasks if task.stage == "evaluate"}

    def hear(event: JobEvent) -> None:
        trial = killed.get(event.task or "")
        if trial is None:
            return
        if event.type is EventType.STATE and trial.killed is not None and event.data["state"] == JobState.RUNNING:
            trial.began = event
        if event.type is EventType.PROGRESS and trial.hear(event):
            print(
                f"killing the runner of {event.task} at {event.data['done']:,} of {event.data['total']:,}", flush=True
            )
            kill_runner(job.id, str(event.task))

    ended = client.wait(job.id, hear)
    if ended.state is not JobState.SUCCEEDED:
        raise SystemExit(f"{ended.id} {ended.state}: {ended.error}")
    return [trial.figures() for trial in killed.values()]


def kill_runner(job_id: str, task: str) -> None:
    """SIGKILL the process that works in the folder `<job>/<task>/<attempt>`. Exits if there is none."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            at_work = {job_id, task} <= set((entry / "cwd").readlink().parts)
            if at_work and b"workers.runner" in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
                return
    raise SystemExit(f"no runner works at {task} of {job_id}")


if __name__ == "__main__":
    main()
