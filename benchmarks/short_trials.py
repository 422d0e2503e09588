"""The service's own time for trials of seconds: many trainings of one epoch on 15 images, through the whole service.

    python benchmarks/short_trials.py --against ../older    # another checkout, in turns with this one

Each round starts a stack of each checkout, runs a job to warm its caches and one to be measured. Writes
`results/short_trials.json` and `.md`.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from over_http import run, service, upload, write
from PIL import Image

from api_schemas.datasets import DatasetMetadata, DatasetRole
from api_schemas.jobs import EvaluateParams, EvaluateRequest, Job, JobKind

ROOT = Path(__file__).resolve().parents[1]
CLASSES, PER_CLASS, SIDE, TESTED = 3, 5, 32, 150
ARCHITECTURE = "ConvNetD3"

CAVEATS = [
    f"{ARCHITECTURE}, one epoch on {CLASSES * PER_CLASS} images of {SIDE} px, {TESTED} test images, every slot of the "
    "machine busy. Client, API, Redis, S3 and worker share its cores.",
    "Trials: from the first one's claim to the last one's end; slot: that times the slots, for one trial. Job: from "
    "its submission to its end, the report included.",
]


def main() -> None:
    """Measure this checkout, or both in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="another checkout to compare with")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--once", action="store_true", help="print one measurement of the code on PYTHONPATH as JSON")
    asked = parser.parse_args()
    if asked.once:
        print(json.dumps(measure(asked.trials)))
        return
    checkouts = {"old": asked.against} if asked.against else {}
    checkouts["new"] = ROOT
    found: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    for number in range(asked.rounds):
        for name in list(checkouts)[:: 1 if number % 2 else -1]:
            found[name].append(measured_apart(checkouts[name], asked.trials))
            print(name, found[name][-1], flush=True)
    rows = [
        f"{name} | {' | '.join(spread([row[key] for row in rounds]) for key in UNITS)}"
        for name, rounds in found.items()
    ]
    if asked.against:
        ratios = [
            spread([old[key] / new[key] for old, new in zip(found["old"], found["new"], strict=True)]) for key in UNITS
        ]
        rows.append(f"times faster | {' | '.join(ratios)}")
    table = f"{asked.trials} trials | {' | '.join(UNITS.values())}\n" + "\n".join(rows)
    write("short_trials", CAVEATS, {"trials": asked.trials, "rounds": found}, table)
    print(table)


UNITS = {"trials": "trials s", "slot": "slot s a trial", "job": "job s"}


def spread(values: list[float]) -> str:
    """Median, lowest and highest."""
    return f"{median(values):.2f} [{min(values):.2f}..{max(values):.2f}]"


def measured_apart(checkout: Path, trials: int) -> dict[str, float]:
    """One measurement of a checkout's code, in a process of its own."""
    answer = subprocess.run(
        [sys.executable, __file__, "--once", "--trials", str(trials)],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout.resolve())},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    figures: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def measure(trials: int) -> dict[str, float]:
    """Start a stack, and time the second of two jobs."""
    with tempfile.TemporaryDirectory() as folder, service(None) as client:
        source = upload(client, DatasetMetadata(name="noise", role=DatasetRole.SOURCE), [_source(Path(folder))])
        distilled = DatasetMetadata(name="less noise", role=DatasetRole.DISTILLED, source_dataset=source.id)
        dataset = upload(client, distilled, [_distilled(Path(folder))])

        def evaluation(count: int, seed: int) -> Job:
            asked: dict[str, Any] = {
                "dataset": dataset.id,
                "arms": ["baseline"],
                "architectures": [ARCHITECTURE],
                "trials": count,
                "seed": seed,
                "overrides": {"epochs": 1},
            }
            return run(client, EvaluateRequest(kind=JobKind.EVALUATE, params=EvaluateParams.model_validate(asked)))

        evaluation(2, seed=1)
        return _figures(evaluation(trials, seed=0), slots=len(os.sched_getaffinity(0)))


def _figures(job: Job, slots: int) -> dict[str, float]:
    attempts = [attempt for task in job.tasks if task.stage == "evaluate" for attempt in task.attempts]
    begun = min(attempt.started_at for attempt in attempts)
    ended = max(attempt.finished_at for attempt in attempts if attempt.finished_at is not None)
    assert job.finished_at is not None
    seconds = (ended - begun).total_seconds()
    return {
        "trials": seconds,
        "slot": seconds * slots / len(attempts),
        "job": (job.finished_at - job.created_at).total_seconds(),
    }


def _source(folder: Path) -> Path:
    generator = np.random.default_rng(1)
    path = folder / "source.tar"
    with tarfile.open(path, "w") as archive:
        for split, count in (("train", 8 * CLASSES), ("val", TESTED)):
            for index in range(count):
                png = io.BytesIO()
                Image.fromarray(generator.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(png, "PNG")
                member = tarfile.TarInfo(f"{split}/{'abc'[index % CLASSES]}/{index}.png")
                member.size = png.tell()
                png.seek(0)
                archive.addfile(member, png)
    return path


def _distilled(folder: Path) -> Path:
    path = folder / "set.npz"
    images = np.random.default_rng(2).integers(0, 256, (CLASSES * PER_CLASS, SIDE, SIDE, 3), np.uint8)
    np.savez(path, images=images, labels=np.arange(len(images)) % CLASSES)
    return path


if __name__ == "__main__":
    main()
