"""A large upload goes on while the API is killed and restarted in the middle of it."""

import hashlib
import os
import random
import signal
from pathlib import Path

import pytest
from ladd_client.api import LaddClient

from api_schemas.datasets import DatasetMetadata, DatasetRole, DatasetState
from stack.running import Stack
from stack.state import load_state
from stack.supervisord import Supervisord

MIB = 1 << 20


def kill_api(stack: Stack) -> int:
    """Kill it; supervisord starts another. Returns its process id."""
    state = load_state(stack.directory)
    assert state is not None
    _, process = Supervisord(stack.directory, state).states()["api"]
    os.kill(process, signal.SIGKILL)
    return process


@pytest.mark.parametrize(
    ("size", "part_bytes", "kills"),
    [(40 * MIB, 5 * MIB, 1), pytest.param(1 << 30, 16 * MIB, 3, marks=pytest.mark.chaos)],
)
def test_an_api_killed_in_the_middle_of_an_upload(
    stack_up: Stack, tmp_path: Path, size: int, part_bytes: int, kills: int
) -> None:
    path = tmp_path / "large.pt"
    block = random.Random(5).randbytes(MIB)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for number in range(size // MIB):
            piece = number.to_bytes(8) + block[8:]
            file.write(piece)
            digest.update(piece)
    killed: list[int] = []

    def watch(done: int, total: int) -> None:
        # The last time, if it is more than once, is with the last part: before the parts are put together.
        if len(killed) < kills and done >= total * (len(killed) + 1) / max(kills, 2):
            killed.append(kill_api(stack_up))

    with LaddClient(
        stack_up.url, attempts=12, in_parts_above=MIB, part_bytes=part_bytes, resume_directory=tmp_path / "notes"
    ) as client:
        dataset = client.upload_dataset(DatasetMetadata(name="noise", role=DatasetRole.DISTILLED), [path], watch)
        assert len(killed) == kills
        assert (dataset.files[0].bytes, dataset.files[0].sha256) == (size, digest.hexdigest())
        client.wait(dataset.job, check=False)
        # The digest that the worker read has to be the same for it to have come so far.
        refused = client.dataset(dataset.id)
        assert (refused.state, [why.location for why in refused.reasons]) == (DatasetState.REJECTED, ["large.pt"])
