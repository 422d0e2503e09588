"""The runner of a slot from one task to the next: Python, torch and compiled code are loaded once for many trainings.

A trial of seconds would otherwise take several times as long as its training (`docs/performance.md`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from service.core.kinds.task_types import TASKS
from service.core.lifecycle.tasks import ClaimedTask
from workers.supervisor.runner_process import RUNNER_COMMAND, RunnerProcess

MOST_TASKS = 100
"""After so many a runner ends, and what may have piled up in it with it: 1 % of them pay for a new one."""


def stays(claimed: ClaimedTask) -> bool:
    """Tell whether the runner of a task may do another one after it.

    Trainings come in crowds, and read our own files: a process that has read a user's does nothing else.
    """
    kind = TASKS[claimed.type]
    return kind.in_crowds and not kind.reads_uploads


class WarmRunner:
    """At most one process: a task that it must not do, or cannot, ends it and gets another. So does leaving the
    context.
    """

    def __init__(self, command: Sequence[str] = RUNNER_COMMAND) -> None:
        self._command = command
        self._process: RunnerProcess | None = None
        self._serves: tuple[str, Mapping[str, str]] | None = None
        self._tasks = 0

    def __enter__(self) -> "WarmRunner":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @contextmanager
    def working(self, claimed: ClaimedTask, folder: Path, environment: Mapping[str, str]) -> Iterator[RunnerProcess]:
        """A process of this environment that does the task in `folder`; it is gone afterwards unless the task `stays`.

        It has done nothing before, or tasks that stay, of the same tenant and in the same environment.
        """
        serves = (claimed.tenant, environment)
        fits = stays(claimed) and self._serves == serves and self._tasks < MOST_TASKS
        if self._process is not None and not (fits and self._process.goes_on(folder)):
            self._end()
        if self._process is None:
            self._process, self._serves = RunnerProcess(self._command, folder, environment), serves
        self._tasks += 1
        done = False
        try:
            yield self._process
            done = True
        finally:
            if not (done and stays(claimed) and self._process.may_stay):
                self._end()

    def _end(self) -> None:
        if self._process is not None:
            with self._process:
                self._process, self._tasks = None, 0
