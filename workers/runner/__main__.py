"""`python -m workers.runner FOLDER`: do the task of FOLDER/task.json, by the protocol of `api_schemas.runner`.

Standard input is the supervisor's sign of life, standard output carries events, standard error is for people.
"""

import os
import sys
import traceback
from pathlib import Path
from typing import BinaryIO

from api_schemas.problems import ErrorOrigin
from api_schemas.runner import FailedEvent, RunnerTask
from workers.runner.confinement import confine
from workers.runner.failure import task_error
from workers.runner.reporter import Reporter
from workers.runner.tasks import task_function
from workers.runner.watchdog import start_watchdog


def main(folder: Path) -> None:
    """Do the task in `folder`; how it ended is told by the last event, not by the exit status."""
    task = RunnerTask.model_validate_json((folder / "task.json").read_bytes())
    if task.confinement is not None:
        # First of all: a process with several threads cannot leave the network.
        confine(task.confinement)
    start_watchdog()
    with _events_only() as events, Reporter(events) as report:
        # Read by torch when it is imported, which no module imported so far does.
        os.environ["OMP_NUM_THREADS"] = str(task.threads)
        try:
            report.end(task_function(task.type)(task, folder, report))
        except Exception as error:
            failure = task_error(error, task.confinement)
            if failure.origin is not ErrorOrigin.INPUT:
                traceback.print_exc()
            report.end(FailedEvent(event="failed", error=failure))


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
