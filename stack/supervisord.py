"""supervisord: starts the processes when told, restarts those that die, stops them in order."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from stack.private_file import write_private
from stack.processes import Process
from stack.state import StackState

USER = "stack"
LOG_BYTES = 20 << 20
LOGS_KEPT = 2
POLL_SECONDS = 0.1
STOP_SECONDS = 120
EXIT_SECONDS = 5


class Supervisord:
    """The supervisord of the stack in `directory`, running or not."""

    def __init__(self, directory: Path, state: StackState) -> None:
        self._directory = directory
        self._state = state
        self._url = f"http://{USER}:{state.supervisord_password}@127.0.0.1:{state.supervisord_port}/RPC2"

    def start(self, processes: Sequence[Process]) -> None:
        """Start supervisord in the background, and none of the processes yet.

        Raises:
            RuntimeError: it does not start; the message says why.
        """
        config = self._directory / "supervisord.conf"
        self.log_of("").parent.mkdir(parents=True, exist_ok=True)
        write_private(config, self._config(processes))
        started = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if started.returncode != 0:
            raise RuntimeError(f"supervisord does not start: {(started.stderr or started.stdout).strip()}")

    def is_running(self) -> bool:
        """Whether it answers, be it that it is shutting down."""
        try:
            self._call("supervisor.getState")
        except Fault:
            return True
        except (OSError, HTTPException, ProtocolError):  # nobody, or somebody else, listens there
            return False
        return True

    def start_process(self, name: str) -> None:
        """Start one process; returns at once."""
        self._call("supervisor.startProcess", name, False)

    def stop_process(self, name: str) -> None:
        """Stop one process until `start_process`; returns when it is gone."""
        self._call("supervisor.stopProcess", name)

    def states(self) -> dict[str, tuple[str, int]]:
        """Name -> state (`RUNNING`, `STARTING`, `BACKOFF`, ...) and process id (0 when it has none)."""
        return {each["name"]: (each["statename"], each["pid"]) for each in self._call("supervisor.getAllProcessInfo")}

    def stop(self) -> None:
        """Stop all processes in order, then supervisord; returns when it is gone.

        Raises:
            TimeoutError: it is still there after more time than all its processes together have to stop.
        """
        process = 0
        with suppress(Fault):  # it is shutting down already
            process = self._call("supervisor.getPID")
            self._call("supervisor.shutdown")
        deadline = time.monotonic() + STOP_SECONDS
        while self.is_running():
            if time.monotonic() > deadline:
                raise TimeoutError(f"supervisord still runs; see {self.log_of('supervisord')}")
            time.sleep(POLL_SECONDS)
        # It has stopped everything and goes now. Where nobody waits for orphans its number stays.
        deadline = time.monotonic() + EXIT_SECONDS
        while process and _exists(process) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def log_of(self, name: str) -> Path:
        """The log of a process."""
        return self._directory.absolute() / "logs" / f"{name}.log"

    def _call(self, method: str, *arguments: Any) -> Any:
        with ServerProxy(self._url) as server:
            return getattr(server, method)(*arguments)

    def _config(self, processes: Sequence[Process]) -> str:
        sections = [
            "[supervisord]",
            f"logfile = {_escaped(self.log_of('supervisord'))}",
            f"pidfile = {_escaped(self._directory.absolute() / 'supervisord.pid')}",
            f"childlogdir = {_escaped(self.log_of('').parent)}",
            f"logfile_maxbytes = {LOG_BYTES}",
            f"logfile_backups = {LOGS_KEPT}",
            "",
            "[inet_http_server]",
            f"port = 127.0.0.1:{self._state.supervisord_port}",
            f"username = {USER}",
            f"password = {self._state.supervisord_password}",
            "",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for order, process in enumerate(processes):
            environment = ",".join(f'{name}="{value}"' for name, value in process.command.environment.items())
            sections += [
                "",
                f"[program:{process.name}]",
                f"command = {_escaped(shlex.join(process.command.argv))}",
                f"directory = {_escaped(process.command.directory.absolute())}",
                f"environment = {_escaped(environment)}",
                f"priority = {order + 1}",
                "autostart = false",
                "autorestart = true",
                "startsecs = 1",
                "startretries = 10",
                "stopsignal = TERM",
                f"stopwaitsecs = {process.stop_seconds}",
                "redirect_stderr = true",
                f"stdout_logfile = {_escaped(self.log_of(process.name))}",
                f"stdout_logfile_maxbytes = {LOG_BYTES}",
                f"stdout_logfile_backups = {LOGS_KEPT}",
            ]
        return "\n".join(sections) + "\n"


def _escaped(value: object) -> str:
    """supervisord expands %(name)s in its configuration."""
    return str(value).replace("%", "%%")


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
