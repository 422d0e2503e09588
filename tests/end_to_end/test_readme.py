"""The README's calls do what it says, right after `make up`, from files that are there."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ladd_client.api import LaddClient

from api_schemas.jobs import TERMINAL_STATES
from stack.running import Stack

ROOT = Path(__file__).parents[2]


class Calls:
    """Runs the commands of the section "Three calls", each with the ids that were met in the place of the README's."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        section = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Three calls\n")[1].split("\n## ")[0]
        block = re.findall(r"```console\n(.*?)```", section, re.DOTALL)[0]
        self._commands = [
            (command, shown)
            for command, shown in re.findall(r"^\$ (.+?)$((?:\n(?!\$ ).*)*)", _joined(block), re.MULTILINE)
            if not command.startswith(("#", "export "))
        ]
        self._environment = {**os.environ, "LADD_URL": stack.url, "no_proxy": "127.0.0.1", "OUT": str(folder)}
        self._ids: dict[str, str] = {}
        self.folder = folder

    def run(self, wanted: str) -> str:
        """Run the next command, which must have this text in it."""
        command, shown = self._commands.pop(0)
        assert wanted in command
        for written, met in self._ids.items():
            command = command.replace(written, met)
        # In a folder of its own for what is written; what is read are files of the project.
        answer = subprocess.run(
            ["bash", "-c", command.replace("-o archive.zip", '-o "$OUT/archive.zip"')],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        written_id = re.search(r'"id":"(\w+)"', shown)
        if written_id is not None:
            self._ids[written_id[1]] = json.loads(answer)["id"]
        return answer

    def met(self, written: str, found: str) -> None:
        """Note the id that stands for one of the README's."""
        self._ids[written] = found

    def shown_next(self, pattern: str) -> str:
        """Return what the README shows of the answer to the next command."""
        found = re.search(pattern, self._commands[0][1])
        assert found is not None
        return found[1]


def _joined(block: str) -> str:
    """One line for each command: continued lines, and those within quotes, belong to it."""
    lines: list[str] = []
    for line in block.splitlines():
        is_open = lines and lines[-1].startswith("$ ") and lines[-1].count("'") % 2
        if lines and (lines[-1].endswith("\\") or is_open):
            lines[-1] = lines[-1].removesuffix("\\") + " " + line.strip()
        else:
            lines.append(line)
    return "\n".join(lines)


def start(calls: Calls, client: LaddClient) -> dict[str, Any]:
    """Send both sets and the job, the second as soon as the service has taken the first."""
    source = json.loads(calls.run('"role": "source"'))
    distilled = json.loads(calls.run('"role": "distilled"'))
    for dataset in (source, distilled):
        client.wait(dataset["job"])
        assert client.dataset(dataset["id"]).state == "ready"
    job: dict[str, Any] = json.loads(calls.run("/v1/jobs -H"))
    return job


def test_the_three_calls_start_a_job(stack_up: Stack, client: LaddClient, tmp_path: Path) -> None:
    job = start(Calls(stack_up, tmp_path), client)
    assert (job["kind"], job["state"], job["params"]["protocol"]) == ("ladd", "queued", "quick")
    client.cancel(job["id"])


@pytest.mark.chaos
def test_the_three_calls_lead_to_an_archive_and_a_report(stack_up: Stack, client: LaddClient, tmp_path: Path) -> None:
    calls = Calls(stack_up, tmp_path)
    job = start(calls, client)
    deadline = time.monotonic() + 600
    while client.job(job["id"]).state not in TERMINAL_STATES:
        assert time.monotonic() < deadline
        time.sleep(1)
    augmented = calls.shown_next(r'"dataset":"(ds_\w+)"')
    done = json.loads(calls.run("/v1/jobs/job_"))
    assert done["state"] == "succeeded", done["error"]
    calls.met(augmented, done["result"]["dataset"])
    calls.run("archive.zip")
    with np.load(tmp_path / "archive.zip") as archive:
        shapes = [archive[name].shape for name in ("images", "labels", "dense_labels")]
    assert shapes == [(100, 1, 32, 32), (100,), (100, 25, 10)]
    assert "baseline" in calls.run("report.md")
