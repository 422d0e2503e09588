"""Load on a real stack: polls with ETag, event streams, uploads at once, thousands of queued jobs; memory of the API.

    python benchmarks/load.py --seconds 120

Starts a stack of its own. Its worker is stopped once the source set is ready, so that every job stays queued and only
the service computes. Callers are processes of their own over raw sockets (`load_clients.py`); their CPU time is told,
since it comes off the same machine. Writes `results/load.json` and `.md` (Linux: memory is read from /proc).
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from ladd_client.api import LaddClient
from ladd_client.tables import text_table
from over_http import write
from PIL import Image

from api_schemas.datasets import DatasetMetadata, DatasetRole
from api_schemas.jobs import JobKind, JobState, TrainLabelerParams, TrainLabelerRequest
from stack.running import Stack, running_stack
from stack.state import load_state
from stack.supervisord import Supervisord

MIB = 1 << 20
PROCESSES = 2
"""Processes that the callers are spread over. Uploads come from one more: sending them keeps nobody from polling."""
SUBMITTERS = 4
PHASES = {
    "alone": ("polls",),
    "streams": ("polls", "streams"),
    "uploads": ("polls", "streams", "uploads"),
    "after": ("polls", "streams"),
}
"""The callers, by phase."""


class Resident(threading.Thread):
    """Resident set of a process in MiB, once a second."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{process}/status")
        self._ended = threading.Event()
        self.mib: list[float] = []

    def run(self) -> None:
        """Look until `stop` is called."""
        while not self._ended.wait(1):
            lines = self._status.read_text().splitlines()
            self.mib += [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")]

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self.join()


def process_of(stack: Stack, name: str) -> int:
    """Return the id of a process of the stack."""
    state = load_state(stack.directory)
    assert state is not None
    return Supervisord(stack.directory, state).states()[name][1]


def source_set(client: LaddClient, folder: Path) -> str:
    """Make a source set of a few images of noise and return its id."""
    path = folder / "source.tar"
    noise = np.random.default_rng(0)
    with tarfile.open(path, "w") as archive:
        for split in ("train", "val"):
            for number in range(8):
                file = BytesIO()
                Image.fromarray(noise.integers(0, 256, (32, 32, 3), np.uint8)).save(file, "PNG")
                member = tarfile.TarInfo(f"{split}/class_{number % 2}/{number}.png")
                member.size = file.tell()
                file.seek(0)
                archive.addfile(member, file)
    dataset = client.upload_dataset(DatasetMetadata(name="noise", role=DatasetRole.SOURCE), [path])
    job = client.wait(dataset.job)
    if job.state is not JobState.SUCCEEDED:
        raise SystemExit(f"the source set was not taken: {job.error}")
    return dataset.id


def submitted(client: LaddClient, source: str, count: int) -> list[str]:
    """Queue jobs and return their ids."""

    def submit(seed: int) -> str:
        params = TrainLabelerParams(source_dataset=source, seed=seed)
        return client.submit(TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params)).id

    with ThreadPoolExecutor(SUBMITTERS) as pool:
        return list(pool.map(submit, range(count)))


def called(stack: Stack, job_ids: Sequence[str], seconds: float, **work: int) -> dict[str, Any]:
    """Let the callers work and return what they met, with memory and CPU time of the API meanwhile."""
    api = process_of(stack, "api")
    resident = Resident(api)
    spent_before, ours_before = cpu_seconds(api), resource.getrusage(resource.RUSAGE_CHILDREN)
    resident.start()
    began = time.monotonic()
    clients = []
    shares = [
        {kind: count // PROCESSES + (number < count % PROCESSES) for kind, count in work.items() if kind != "uploads"}
        for number in range(PROCESSES)
    ]
    for share in [*shares, {"uploads": work["uploads"]}]:
        asked = {"url": stack.url, "seconds": seconds, "jobs": job_ids, "upload_bytes": 20 * MIB} | share
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("load_clients.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(asked))
        process.stdin.close()
        clients.append(process)
    seen = []
    for process in clients:
        assert process.stdout is not None
        seen.append(json.loads(process.stdout.read()))
        process.wait()
    lasted = time.monotonic() - began
    last_upload = max(part["last_upload"] for part in seen) or float("inf")
    resident.stop()
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "asked": work,
        "seconds": lasted,
        **{
            name: sum(part[name] for part in seen)
            for name in ("polls", "unchanged", "streams_open", "uploads", "refusals")
        },
        "poll_ms": _quantiles([took for part in seen for at, took in part["answered"] if at < last_upload]),
        "upload_seconds": _quantiles([value for part in seen for value in part["upload_seconds"]]),
        "errors": [error for part in seen for error in part["errors"]],
        "api_mib": resident.mib,
        "api_cpu_seconds": cpu_seconds(api) - spent_before,
        "callers_cpu_seconds": ours.ru_utime + ours.ru_stime - ours_before.ru_utime - ours_before.ru_stime,
        "load_average": os.getloadavg()[0],
    }


def cpu_seconds(process: int) -> float:
    """Return the CPU time that a process has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _quantiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    p50, p90, p99 = np.percentile(values, (50, 90, 99))
    return {"p50": p50, "p90": p90, "p99": p99, "max": max(values), "n": len(values)}


def row(name: str, found: dict[str, Any]) -> list[str]:
    """Return a phase as a row of the table."""
    poll, upload, mib = found["poll_ms"], found["upload_seconds"], found["api_mib"]
    return [
        f"{name}: {', '.join(PHASES[name])}",
        f"{found['polls'] / found['seconds']:.0f}",
        f"{poll['p50']:.1f} / {poll['p99']:.0f} / {poll['max']:.0f}" if poll else "",
        f"{found['uploads']} in {upload['max']:.0f} s, {found['refusals']} refusals" if upload else "",
        str(len(found["errors"])),
        f"{mib[0]:.0f} / {max(mib):.0f} / {mib[-1]:.0f}",
        f"{1000 * found['api_cpu_seconds'] / found['polls']:.2f}",
        f"{found['api_cpu_seconds'] / found['seconds']:.2f}",
        f"{found['callers_cpu_seconds'] / found['seconds']:.2f}",
        f"{found['load_average']:.1f}",
    ]


HEADER = ["phase", "polls/s", "poll ms: p50 / p99 / max", "uploads", "errors", "API MiB: first / peak / last"]
HEADER += ["API ms a poll", "API cores", "callers' cores", "load average"]


def main() -> None:
    """Queue jobs, poll and follow them, and upload beside that."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="of each phase")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--uploads", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument(
        "--phases", nargs="+", choices=PHASES, default=list(PHASES), metavar="NAME", help=", ".join(PHASES)
    )
    parser.add_argument("--name", default="load", help="of the results")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder) / "stack") as stack,
        LaddClient(stack.url) as client,
    ):
        source = source_set(client, Path(folder))
        worker = process_of(stack, "worker")
        os.kill(worker, signal.SIGSTOP)
        began = time.monotonic()
        job_ids = submitted(client, source, options.jobs)
        queueing = time.monotonic() - began
        callers = {"polls": options.clients, "streams": options.streams, "uploads": options.uploads}
        phases = {
            name: called(
                stack, job_ids, options.seconds, **{kind: callers[kind] * (kind in PHASES[name]) for kind in callers}
            )
            for name in options.phases
        }
        os.kill(worker, signal.SIGCONT)
    for name, found in phases.items():
        for error in found["errors"][:5]:
            print(f"{name}: {error}")
    caveats = [
        f"{options.clients} polls a second, {options.streams} streams, {options.uploads} uploads of 20 MiB at once, "
        f"{options.jobs} queued jobs (queued in {queueing:.0f} s by {SUBMITTERS} callers).",
        "Milliseconds of the phase `uploads` are those of polls that began before the last upload had ended.",
        f"Callers, API, Redis and S3 share {os.cpu_count()} cores, with whatever else the load average tells of.",
    ]
    table = text_table(HEADER, [row(name, found) for name, found in phases.items()])
    write(options.name, caveats, {"options": vars(options), "queueing_seconds": queueing, "phases": phases}, table)


if __name__ == "__main__":
    main()
