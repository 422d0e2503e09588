"""A process of the local stack: what to run, where, and with which additions to the environment."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 15.0
"""SeaweedFS takes about 3 s to stop, mostly pauses of its own; Redis far less."""


@dataclass(frozen=True)
class Command:
    """Program and arguments, working directory, and what is added to the caller's environment."""

    argv: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def started(command: Command, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` with its output in `log`; SIGTERM it on leaving, and SIGKILL its process group if it stays.

    It gets a session of its own, so that a Ctrl-C meant for us does not reach it before we have stopped using it.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command.argv,
            cwd=command.directory,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
