"""`python -m workers.runner FOLDER`: do the task of FOLDER/task.json, by the protocol of `api_schemas.runner`.

Standard input is the supervisor's sign of life and names further folders, standard output carries events, standard
error is for people.
"""

import os
import sys
import traceback
from pathlib import Path
from typing import BinaryIO

from api_schemas.problems import ErrorOrigin
from api_schemas.runner import FailedEvent, ReadyEvent, RunnerTask
from workers.runner.between_tasks import forget_code, is_as_new
from workers.runner.confinement import confine
from workers.runner.failure import task_error
from workers.runner.reporter import Reporter
from workers.runner.tasks import task_function
from workers.runner.watchdog import start_watchdog


def main(folder: Path) -> None:
    """Do the task in `folder`, and others while these say so and are done; how each ended is told by its last event."""
    task = _read(folder)
    if task.confinement is not None:
        # First of all: a process with several threads cannot leave the network.
        confine(task.confinement)
    folders = start_watchdog()
    # Read by torch when it is imported, which no module imported so far does.
    os.environ["OMP_NUM_THREADS"] = str(task.threads)
    with _events_only() as events:
        while _is_done(task, folder, events) and task.stays and is_as_new():
            events.write(ReadyEvent(event="ready").model_dump_json().encode() + b"\n")
            events.flush()
            before, folder = task, folders.get()
            os.chdir(folder)
            task = _read(folder)
            forget_code(before, task)


def _read(folder: Path) -> RunnerTask:
    return RunnerTask.model_validate_json((folder / "task.json").read_bytes())


def _is_done(task: RunnerTask, folder: Path, events: BinaryIO) -> bool:
    """Do a task; False when it failed."""
    with Reporter(events) as report:
        try:
            report.end(task_function(task.type)(task, folder, report))
        except Exception as error:
            failure = task_error(error, task.confinement)
            if failure.origin is not ErrorOrigin.INPUT:
                traceback.print_exc()
            report.end(FailedEvent(event="failed", error=failure))
            return False
    return True


def _events_only() -> BinaryIO:
    """Keep standard output for events: what a library prints, in Python or C, goes to standard error instead."""
    events = os.fdopen(os.dup(1), "wb")
    sys.stdout.flush()
    os.dup2(2, 1)
    return events


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m workers.runner FOLDER")
    main(Path(sys.argv[1]))
