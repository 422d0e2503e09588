"""The commands of `docs/tutorial.md` do what it says, on a stack as `make up` starts it."""

from pathlib import Path

import numpy as np
import pytest
from ladd_client.api import LaddClient

from api_schemas.jobs import JobState
from stack.running import Stack
from tests.docs.blocks import blocks
from tests.end_to_end.page_commands import PageCommands

PAGE = "docs/tutorial.md"


def commands_of(stack: Stack, folder: Path) -> PageCommands:
    shown = [block for block in blocks("console") if block.page == PAGE]
    return PageCommands(shown, stack, folder, r"^((?:ds|job)_\w+)$")


def upload(commands: PageCommands) -> None:
    """Send both sets; what was read is what the page shows."""
    for role in ("--role source", "--role distilled"):
        shown = commands.following.shown.splitlines()
        told = commands.run(role).splitlines()
        assert told[1].endswith(" ready")
        assert told[2] == shown[2]


def test_the_commands_start_a_job(stack_up: Stack, client: LaddClient, tmp_path: Path) -> None:
    commands = commands_of(stack_up, tmp_path)
    upload(commands)
    job = commands.run("ladd run ladd", " --detach").strip()
    assert client.job(job).params["protocol"] == "quick"
    client.cancel(job)


@pytest.mark.chaos
def test_the_commands_lead_to_a_report_and_an_archive(stack_up: Stack, client: LaddClient, tmp_path: Path) -> None:
    commands = commands_of(stack_up, tmp_path)
    upload(commands)
    job = commands.run("ladd run ladd").split()[0]
    assert client.job(job).state is JobState.SUCCEEDED
    assert "1-CAE" in commands.run("ladd report")
    commands.run("ladd download")
    with np.load(tmp_path / "archive.zip") as archive:
        assert archive["dense_labels"].shape == (100, 25, 10)
