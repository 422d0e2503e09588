"""Faults of the processes of a running stack, done to the real ones."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from xmlrpc.client import Fault

from stack.running import Stack
from stack.state import load_state
from stack.supervisord import Supervisord

PATIENCE = 300
"""Seconds that nothing here takes."""


class Faults:
    """Kills, stops and finds the processes of a stack under supervisord."""

    def __init__(self, stack: Stack) -> None:
        state = load_state(stack.directory)
        assert state is not None
        self._supervisord = Supervisord(stack.directory, state)
        self._data = stack.environment["LADD_DATA_DIR"]

    def pid(self, name: str) -> int:
        """Process id of `redis`, `s3`, `worker` or `api`, as soon as it runs."""
        wait_for(lambda: self._supervisord.states()[name][1] != 0)
        return self._supervisord.states()[name][1]

    def runners(self, job_id: str = "") -> set[int]:
        """Process ids of the runners, of all jobs or of one: a runner works in the folder of its task."""
        return processes_in(Path(self._data) / "scratch" / job_id, "workers.runner")

    def kill(self, name: str) -> int:
        """SIGKILL one of the four; returns its process id. supervisord starts it again."""
        killed = self.pid(name)
        os.kill(killed, signal.SIGKILL)
        return killed

    def kill_runner(self, job_id: str) -> None:
        """SIGKILL a runner of the job, if it has any at this moment."""
        kill_all(set(sorted(self.runners(job_id))[:1]))

    def kill_worker_with_runners(self, job_id: str) -> None:
        """SIGKILL a worker and all it has started, as when a machine goes down."""
        runners = self.runners(job_id)
        self.kill("worker")
        kill_all(runners)

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """SIGSTOP one of the four while the context is open: it takes connections, and answers none."""
        process = self.pid(name)
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)

    @contextmanager
    def away(self, name: str) -> Iterator[None]:
        """SIGKILL one of the four and keep it from starting again while the context is open."""
        self.kill(name)
        wait_for(lambda: self._is_stopped(name))
        try:
            yield
        finally:
            self._supervisord.start_process(name)

    def _is_stopped(self, name: str) -> bool:
        with suppress(Fault):  # it is dead, and not started again yet
            self._supervisord.stop_process(name)
        return self._supervisord.states()[name][0] == "STOPPED"


def processes_in(folder: Path, text: str) -> set[int]:
    """Process ids of those that work in or below a folder, and whose command line holds the text."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            works_in, command = (entry / "cwd").readlink(), (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if works_in.is_relative_to(folder) and text.encode() in command:
            found.add(int(entry.name))
    return found


def kill_all(processes: set[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
