"""The README's calls do what it says, right after `make up`, from files that are there."""

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ladd_client.api import LaddClient

from api_schemas.jobs import TERMINAL_STATES
from stack.running import Stack
from tests.docs.blocks import blocks
from tests.end_to_end.page_commands import PageCommands


def calls_of(stack: Stack, folder: Path) -> PageCommands:
    """The commands of the section "Three calls", without the one that is refused."""
    section = [block for block in blocks("console") if block.page == "README.md" and "v1/datasets -F" in block.text]
    return PageCommands(section, stack, folder, r'"id":"(\w+)"')


def start(calls: PageCommands, client: LaddClient) -> dict[str, Any]:
    """Send both sets and the job, the second as soon as the service has taken the first."""
    source = json.loads(calls.run('"role": "source"'))
    distilled = json.loads(calls.run('"role": "distilled"'))
    for dataset in (source, distilled):
        client.wait(dataset["job"])
        assert client.dataset(dataset["id"]).state == "ready"
    job: dict[str, Any] = json.loads(calls.run("/v1/jobs -H"))
    return job


def test_the_three_calls_start_a_job(stack_up: Stack, client: LaddClient, tmp_path: Path) -> None:
    job = start(calls_of(stack_up, tmp_path), client)
    assert (job["kind"], job["state"], job["params"]["protocol"]) == ("ladd", "queued", "quick")
    client.cancel(job["id"])


@pytest.mark.chaos
def test_the_three_calls_lead_to_an_archive_and_a_report(stack_up: Stack, client: LaddClient, tmp_path: Path) -> None:
    calls = calls_of(stack_up, tmp_path)
    job = start(calls, client)
    deadline = time.monotonic() + 600
    while client.job(job["id"]).state not in TERMINAL_STATES:
        assert time.monotonic() < deadline
        time.sleep(1)
    shown = re.search(r'"dataset":"(ds_\w+)"', calls.following.shown)
    assert shown is not None
    done = json.loads(calls.run("/v1/jobs/job_"))
    assert done["state"] == "succeeded", done["error"]
    calls.met(shown[1], done["result"]["dataset"])
    calls.run("archive.zip")
    with np.load(tmp_path / "archive.zip") as archive:
        shapes = [archive[name].shape for name in ("images", "labels", "dense_labels")]
    assert shapes == [(100, 1, 32, 32), (100,), (100, 25, 10)]
    assert "baseline" in calls.run("report.md")
