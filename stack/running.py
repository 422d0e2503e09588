"""Starting and stopping the whole stack: everything ready, or nothing left running."""

import fcntl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.embedded import redis_url
from stack.interrupts import signals_interrupt
from stack.processes import Process, servers, service_environment, services
from stack.readiness import last_lines, redis_missing, wait_until_ready
from stack.state import load_state, prepare_state
from stack.supervisord import Supervisord

DEFAULT_DIRECTORY = Path(".stack")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stack:
    """A stack that is up."""

    directory: Path
    url: str
    """Base URL of the API."""
    environment: Mapping[str, str]
    """Settings that API and worker were given: where this stack's Redis and S3 are, and how to be let in."""


class AlreadyRunningError(RuntimeError):
    """There is a stack running in this directory."""

    def __init__(self, url: str) -> None:
        super().__init__(f"already running at {url}")
        self.url = url


class OrphansError(RuntimeError):
    """Processes of an earlier stack use the files of this directory."""


def up(directory: Path = DEFAULT_DIRECTORY, say: Say = print) -> Stack:
    """Start Redis and S3, and when they are ready worker and API; says one line for each that is ready.

    Raises:
        AlreadyRunningError: the stack in this directory is up; nothing was changed.
        OrphansError: an earlier stack's processes run in this directory without their supervisor.
        NotReadyError: a process did not come up; the message ends with its last log lines. Nothing is left running.
    """
    with _locked(directory):
        kept = load_state(directory)
        if kept is not None and Supervisord(directory, kept).is_running():
            raise AlreadyRunningError(kept.api_url)
        if kept is not None and redis_missing(redis_url(kept.redis_port, kept.redis_password)) is None:
            # A second Redis on the same files would destroy them.
            raise OrphansError(
                f"supervisord of {directory} was killed and left its processes behind: stop Redis on port "
                f"{kept.redis_port}, S3 on port {kept.s3_ports[0]}, the API on port {kept.api_port} and the worker"
            )
        state = prepare_state(directory)
        supervisord = Supervisord(directory, state)
        first, then = servers(directory, state), services(directory, state)
        try:
            supervisord.start([*first, *then])
            _start(supervisord, first, say)
            _start(supervisord, then, say)
        except BaseException:
            _stop(supervisord)
            raise
        return Stack(directory, state.api_url, service_environment(directory, state))


def down(directory: Path = DEFAULT_DIRECTORY) -> bool:
    """Stop every process: the API first, Redis last. False when nothing was running."""
    with _locked(directory):
        state = load_state(directory)
        return state is not None and _stop(Supervisord(directory, state))


def states(directory: Path = DEFAULT_DIRECTORY) -> dict[str, str]:
    """Process name -> state as supervisord calls it; empty when the stack is down."""
    state = load_state(directory)
    if state is None or not Supervisord(directory, state).is_running():
        return {}
    return {name: found for name, (found, _) in Supervisord(directory, state).states().items()}


def running_url(directory: Path = DEFAULT_DIRECTORY) -> str | None:
    """Base URL of the API; None when the stack is down."""
    state = load_state(directory)
    return state.api_url if state is not None and Supervisord(directory, state).is_running() else None


def settings(directory: Path = DEFAULT_DIRECTORY) -> dict[str, str]:
    """The `LADD_` variables that API and worker were given; empty when the stack is down."""
    state = load_state(directory)
    if state is None or not Supervisord(directory, state).is_running():
        return {}
    return {name: value for name, value in service_environment(directory, state).items() if name.startswith("LADD_")}


@contextmanager
def running_stack(directory: Path, say: Say = print) -> Iterator[Stack]:
    """The stack while the context is open; stopped after it, also after an exception, Ctrl-C, SIGTERM and SIGHUP.

    No signal interrupts the stopping.

    After an exception the last log lines of every process that is not running any more go to standard error.

    Raises what `up` raises.
    """
    with signals_interrupt() as interrupts:
        stack = up(directory, say)
        try:
            yield stack
        except Exception:
            _explain(directory)
            raise
        finally:
            interrupts.stopping = True
            down(directory)


def _start(supervisord: Supervisord, wanted: list[Process], say: Say) -> None:
    began = time.monotonic()
    for process in wanted:
        supervisord.start_process(process.name)
    # The last first: asking the API costs little, asking the worker starts a process.
    for process in reversed(wanted):
        log = supervisord.log_of(process.name)
        wait_until_ready(process.name, process.missing, _first_life(supervisord, process.name), log)
        say(f"{process.name:<8} ready after {time.monotonic() - began:4.1f} s   {process.address}")


def _first_life(supervisord: Supervisord, name: str) -> Callable[[], bool]:
    """Whether a process lives that has not died before: supervisord starts one that died again, with another id."""
    seen: set[int] = set()

    def alive() -> bool:
        state, pid = supervisord.states()[name]
        seen.update({pid} - {0})
        return state in ("STARTING", "RUNNING") and len(seen) <= 1

    return alive


def _stop(supervisord: Supervisord) -> bool:
    if not supervisord.is_running():
        return False
    supervisord.stop()
    return True


def _explain(directory: Path) -> None:
    state = load_state(directory)
    if state is None:
        return
    supervisord = Supervisord(directory, state)
    for name, found in states(directory).items():
        if found != "RUNNING":
            print(f"{name} is {found}; the end of its log:\n{last_lines(supervisord.log_of(name))}", file=sys.stderr)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
