"""The runner as its supervisor sees it: a child process in a group of its own that speaks one JSON line per event."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from api_schemas.runner import RUNNER_EVENT, ReadyEvent, RunnerEvent, TaskType
from workers.supervisor.slots import Slot

logger = logging.getLogger(__name__)

# -P: the task folder holds files of users and must not be where Python looks for modules.
RUNNER_COMMAND = (sys.executable, "-P", "-m", "workers.runner")

GRACE_SECONDS = 2.0
"""Between SIGTERM and SIGKILL: a runner has nothing to tidy up, and a cancellation is to take less than 5 s."""

PREEMPT = signal.SIGUSR1
"""Asks a runner to save what it has done and to end; one that has nothing to save ends at once, as the signal's default
is."""

PREEMPT_SECONDS = 8.0
"""Between that and SIGKILL: another worker is to go on within 15 s, and container engines wait 10 s themselves."""

EXIT_SECONDS = 30.0
"""How long a runner may take to go after its last event: freeing the memory of a GPU takes a moment."""

LINE_BYTES = 64 << 20
"""Longest event: a report with five architectures, two arms and five trials of 1,000 epochs takes about 1 MB."""

STDERR_LINES = 50
STDERR_LINE_BYTES = 500

INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")

ALLOCATOR = (
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296"
    ":glibc.malloc.trim_threshold=8589934592:glibc.malloc.top_pad=268435456"
)
"""Keeps freed activations in the process and in huge pages: measured 1.5 to 1.75 times faster training on a CPU,
with the same results, because glibc otherwise gives each of them back to the kernel and faults it in again."""


def runner_environment(slot: Slot, type: TaskType, home: Path) -> dict[str, str]:
    """The whole environment of a runner: nothing of ours that could be a secret is in it."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    threads = str(slot.threads(type))
    return inherited | {
        "HOME": str(home),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONUNBUFFERED": "1",
        "CUDA_VISIBLE_DEVICES": slot.gpu or "",
        "GLIBC_TUNABLES": ALLOCATOR,
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        # Threads that wait for each other sleep instead of spinning: on a machine with other work, spinning took three
        # times the CPU and wall time of a training step (2 threads, 2 cores, load 6, three interleaved rounds).
        "OMP_WAIT_POLICY": "PASSIVE",
        # What products that repeat their bits ask of cuBLAS (its guide, "Results reproducibility"): 32 MiB.
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        # The next trial of the same network, of whichever job, finds there what torch.compile has made once.
        "TORCHINDUCTOR_CACHE_DIR": str(home / ".cache" / "torchinductor"),
        "TORCHINDUCTOR_COMPILE_THREADS": threads,
    }


class RunnerProcess:
    """A running runner. Leaving the context kills what is left of its process group."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._stderr_tail: deque[str] = deque(maxlen=STDERR_LINES)
        self._killer: threading.Timer | None = None
        self._process = subprocess.Popen(
            [*command, str(folder)],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._stderr_reader = threading.Thread(target=self._read_stderr, name="runner stderr", daemon=True)
        self._stderr_reader.start()

    def __enter__(self) -> "RunnerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGKILL)
        self._reap(None)
        if self._killer is not None:
            self._killer.cancel()
        self._stderr_reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def events(self) -> Iterator[RunnerEvent]:
        """The events of the runner, until it closes its standard output; lines that are no event are logged."""
        stdout = self._process.stdout
        assert stdout is not None
        while line := stdout.readline(LINE_BYTES):
            try:
                yield RUNNER_EVENT.validate_json(line)
            except ValidationError:
                logger.warning("not an event of the runner: %r", line[:200])

    @property
    def may_stay(self) -> bool:
        """Whether it still runs, and has not been told to end."""
        return self._process.returncode is None and self._killer is None

    def goes_on(self, folder: Path) -> bool:
        """Give a runner that has done its task another one; False where it has ended instead, or does not answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        patience = threading.Timer(EXIT_SECONDS, self._signal, [signal.SIGKILL])
        patience.start()
        try:
            ReadyEvent.model_validate_json(stdout.readline(LINE_BYTES))
            self._stderr_tail.clear()
            # Not through the buffer, which would be written once more when it is closed.
            os.write(stdin.fileno(), os.fsencode(folder) + b"\n")
        except (ValidationError, BrokenPipeError):
            return False
        finally:
            patience.cancel()
        return True

    def terminate(self) -> None:
        """SIGTERM now, SIGKILL after `GRACE_SECONDS`, both to the whole process group. Does not wait."""
        self._signal(signal.SIGTERM)
        self._kill_after(GRACE_SECONDS)

    def preempt(self) -> None:
        """Ask the runner to save its work and end; SIGKILL after `PREEMPT_SECONDS`. Does not wait."""
        # Not by `Popen.send_signal`: it reaps a process that has ended, and what is left of its group would stay.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, PREEMPT)
        self._kill_after(PREEMPT_SECONDS)

    def _kill_after(self, seconds: float) -> None:
        self._killer = threading.Timer(seconds, self._signal, [signal.SIGKILL])
        self._killer.start()

    def wait(self) -> None:
        """Wait for the end of a runner that has told its last event; kill it if it does not come."""
        try:
            self._reap(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("a runner stayed for %g s after its last event and is killed", EXIT_SECONDS)
            self._signal(signal.SIGKILL)
            self._reap(None)

    def failure_summary(self) -> str:
        """How the runner ended, and the last lines it wrote to standard error."""
        self.wait()
        self._stderr_reader.join(GRACE_SECONDS)
        status = self._process.returncode
        how = f"signal {-status}: {signal.strsignal(-status)}" if status < 0 else f"exit status {status}"
        return "\n".join([f"the runner ended without a result ({how})", *self._stderr_tail])

    @property
    def death_signal(self) -> int | None:
        """Number of the signal that the runner died of; None while it runs, and where it ended by itself."""
        status = self._process.returncode
        return -status if status is not None and status < 0 else None

    def _signal(self, number: signal.Signals) -> None:
        # Not once the process is reaped: its number may belong to somebody else by now.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _reap(self, timeout: float | None) -> None:
        if self._process.returncode is None:
            self._process.wait(timeout)
            # Processes that it may have started itself go with it.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _read_stderr(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while line := stderr.readline(STDERR_LINE_BYTES):
            text = line.decode(errors="replace").rstrip()
            self._stderr_tail.append(text)
            logger.info("runner: %s", text)
