"""Common parts of benchmarks that go through the service: a stack, an upload, a job, a result with its caveats."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ladd_client.api import LaddClient
from ladd_client.stages import StageBoard
from ladd_client.watch import watch
from rich.console import Console

from api_schemas.datasets import Dataset, DatasetMetadata
from api_schemas.jobs import Job, JobRequest, JobState
from stack.running import running_stack
from workers.runner.versions import hardware, versions

RESULTS = Path(__file__).parent / "results"


@contextmanager
def service(url: str | None) -> Iterator[LaddClient]:
    """A client of the service at `url`, or of a stack of its own in a temporary folder, which ends with the block."""
    if url is not None:
        with LaddClient(url) as client:
            yield client
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder) / "stack") as stack,
        LaddClient(stack.url) as client,
    ):
        yield client


def upload(client: LaddClient, metadata: DatasetMetadata, files: list[Path]) -> Dataset:
    """Upload a set and wait until it is ready. Exits with the reasons when it is rejected."""
    dataset = client.upload_dataset(metadata, files)
    _ended_well(client, dataset.job)
    return client.dataset(dataset.id)


def run(client: LaddClient, request: JobRequest) -> Job:
    """Run a job to its end. Exits with its error when it does not succeed."""
    return _ended_well(client, client.submit(request).id)


def _ended_well(client: LaddClient, job_id: str) -> Job:
    with StageBoard(Console()) as board:
        job = watch(client, job_id, board)
    if job.state is not JobState.SUCCEEDED:
        raise SystemExit(f"{job.id} {job.state}: {job.error}")
    return job


def write(name: str, caveats: list[str], document: dict[str, Any], table: str) -> None:
    """Write `results/<name>.json` and `.md`: the caveats first, then the numbers and where they were measured."""
    where = f"{hardware()}; " + ", ".join(f"{package} {version}" for package, version in versions().items())
    load = f"load average {os.getloadavg()[0]:.1f} at the end"
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"caveats": caveats, "measured_on": where, **document}, indent=1, sort_keys=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    lines = [
        f"# {name}",
        "",
        *(f"- {caveat}" for caveat in caveats),
        f"- {where}; {load}",
        "",
        "```",
        table,
        "```",
    ]
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
