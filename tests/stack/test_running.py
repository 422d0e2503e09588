"""The whole stack as `make up` starts it: redis, s3, worker and API as processes under supervisord."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from stack.embedded import redis_command, redis_url
from stack.readiness import NotReadyError, redis_missing, s3_missing
from stack.running import AlreadyRunningError, OrphansError, Stack, running_stack, running_url, states, up
from stack.state import load_state, prepare_state
from stack.supervisord import Supervisord
from tests.servers import started

pytestmark = pytest.mark.servers

PROCESSES = {"redis", "s3", "worker", "api"}


def processes_of(directory: Path) -> list[str]:
    """Command lines of the processes that have to do with a stack: its directory is in their arguments or variables."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(directory).encode() in told:
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def supervisord_of(stack: Stack) -> Supervisord:
    state = load_state(stack.directory)
    assert state is not None
    return Supervisord(stack.directory, state)


def stack_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "stack", *arguments], capture_output=True, text=True, check=False)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_everything_runs_and_is_ready(stack_up: Stack) -> None:
    assert states(stack_up.directory) == dict.fromkeys(PROCESSES, "RUNNING")
    assert running_url(stack_up.directory) == stack_up.url
    assert httpx.get(f"{stack_up.url}/readyz", trust_env=False).status_code == 200


def test_strangers_get_nothing_from_the_storage(stack_up: Stack) -> None:
    endpoint = stack_up.environment["LADD_S3_ENDPOINT_URL"]
    for path in ("/", "/ladd", "/ladd/datasets"):
        assert httpx.get(endpoint + path, trust_env=False).status_code == 403


def test_starting_it_again_changes_nothing(stack_up: Stack) -> None:
    before = states(stack_up.directory)
    with pytest.raises(AlreadyRunningError, match=re.escape(stack_up.url)):
        up(stack_up.directory)
    assert states(stack_up.directory) == before


def test_a_second_stack_runs_beside_it_and_leaves_nothing(stack_up: Stack, tmp_path: Path) -> None:
    said: list[str] = []
    with running_stack(tmp_path, said.append) as second:
        assert [line.split()[0] for line in said] == ["s3", "redis", "api", "worker"]
        assert second.url != stack_up.url
        for url in (second.url, stack_up.url):
            assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
        first, other = stack_up.environment, second.environment
        assert s3_missing(other["LADD_S3_ENDPOINT_URL"], first["LADD_S3_ACCESS_KEY"], first["LADD_S3_SECRET_KEY"])
        assert len(processes_of(tmp_path)) >= len(PROCESSES)
    assert states(tmp_path) == {}
    assert processes_of(tmp_path) == []
    assert states(stack_up.directory) == dict.fromkeys(PROCESSES, "RUNNING")


def test_the_command_line(tmp_path: Path) -> None:
    folder = ("--dir", str(tmp_path))
    assert stack_command("status", *folder).returncode == 3
    assert stack_command("env", *folder).returncode == 3
    started = stack_command("up", *folder)
    try:
        assert started.returncode == 0, started.stderr
        *ready, where, last = started.stdout.splitlines()
        assert len(ready) == len(PROCESSES)
        assert where == f"The LADD service is at {running_url(tmp_path)}"
        assert last == f"export LADD_URL={running_url(tmp_path)}"
        again = stack_command("up", *folder)
        assert (again.returncode, again.stdout) == (
            0,
            f"The LADD service is already running at {running_url(tmp_path)}\n{last}\n",
        )
        # What an operator's command needs.
        told = subprocess.run(
            f'eval "$({sys.executable} -m stack env --dir {tmp_path})" && {sys.executable} -m service.keys list',
            shell=True,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
        told = stack_command("status", *folder)
        assert (told.returncode, told.stdout.count("RUNNING")) == (0, len(PROCESSES))
        assert told.stdout.endswith(f"{where}\n{last}\n")
    finally:
        stopped = stack_command("down", *folder)
    assert stopped.stdout == "The LADD service is stopped.\n"
    assert processes_of(tmp_path) == []
    assert stack_command("down", *folder).stdout == "The LADD service was not running.\n"


def test_a_process_that_cannot_start_is_explained_and_takes_the_rest_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LADD_LOG_LEVEL", "LOUD")
    said: list[str] = []
    with pytest.raises(NotReadyError, match=r"(?s)api stopped while starting.*LOG_LEVEL.*LOUD"):
        up(tmp_path, said.append)
    assert [line.split()[0] for line in said] == ["s3", "redis"]
    assert processes_of(tmp_path) == []


def test_files_that_an_orphan_uses_are_left_alone(tmp_path: Path) -> None:
    state = prepare_state(tmp_path)
    orphan = redis_command(tmp_path / "redis", state.redis_port, state.redis_password)
    url = redis_url(state.redis_port, state.redis_password)
    with started(orphan, tmp_path / "redis.log"):
        wait_for(lambda: redis_missing(url) is None)
        with pytest.raises(OrphansError, match=f"Redis on port {state.redis_port}"):
            up(tmp_path)
        assert redis_missing(url) is None
    assert load_state(tmp_path) == state


HOLD = """
import sys, time
from pathlib import Path
from stack.running import running_stack
from tests.servers import started
with running_stack(Path(sys.argv[1]), lambda line: print(line, flush=True)):
    print("up", flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize(("number", "after"), [(signal.SIGINT, "s3"), (signal.SIGTERM, "up")])
def test_a_signal_stops_the_stack(tmp_path: Path, number: signal.Signals, after: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as holder:
        assert holder.stdout is not None
        while not holder.stdout.readline().startswith(after):
            assert holder.poll() is None
        holder.send_signal(number)
        # As from make, which passes on what it was sent itself.
        time.sleep(0.5)
        holder.send_signal(number)
        try:
            assert holder.wait(timeout=120) != 0
        finally:
            holder.kill()
    assert processes_of(tmp_path) == []


def test_a_killed_worker_is_started_again(stack_up: Stack) -> None:
    supervisord = supervisord_of(stack_up)
    _, killed = supervisord.states()["worker"]
    lives = lives_of_worker(supervisord)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: lives_of_worker(supervisord) == lives + 1)
    assert supervisord.states()["worker"][1] not in (0, killed)


def lives_of_worker(supervisord: Supervisord) -> int:
    return len(re.findall(r"celery@\S+ ready\.", supervisord.log_of("worker").read_text()))
