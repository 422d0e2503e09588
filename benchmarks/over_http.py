"""What the benchmarks that go through the service share: upload, wait, write a result with its caveats."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api_schemas.datasets import Dataset, DatasetMetadata
from api_schemas.jobs import Job, JobRequest, JobState
from client.api import LaddClient
from client.watch import watch

RESULTS = Path(__file__).parent / "results"


def upload(client: LaddClient, metadata: DatasetMetadata, files: list[Path]) -> Dataset:
    """Upload a set and wait until it is ready. Raises SystemExit with the reasons when it is rejected."""
    dataset = client.upload_dataset(metadata, files)
    job = watch(client, dataset.job)
    if job.state is not JobState.SUCCEEDED:
        raise SystemExit(f"{metadata.name}: {job.error}")
    return client.dataset(dataset.id)


def finish(client: LaddClient, request: JobRequest) -> Job:
    """Run a job to its end. Raises SystemExit with its error when it does not succeed."""
    job = watch(client, client.submit(request).id)
    if job.state is not JobState.SUCCEEDED:
        raise SystemExit(f"{job.id} {job.state}: {job.error}")
    return job


def write(name: str, caveats: list[str], document: dict[str, Any], table: str) -> None:
    """Write `results/<name>.json` and `.md`: the caveats first, then the numbers, then where they were measured."""
    where = f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, torch {version('torch')}"
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"caveats": caveats, "measured_on": where, **document}, indent=1, sort_keys=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    lines = [f"# {name}", "", *(f"- {caveat}" for caveat in caveats), f"- Measured on {where}.", "", "```", table, "```"]
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")


def processor() -> str:
    """The processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
