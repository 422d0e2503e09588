"""The tasks of a runner: one module per task type, named like it, with a function `run`; and a worker's self-test."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Literal, cast

from api_schemas.runner import DoneEvent, RunnerTask, TaskType
from workers.runner.reporter import Reporter

TaskFunction = Callable[[RunnerTask, Path, Reporter], DoneEvent]
"""Given the task, the task folder and where to report, computes, writes under `outputs/` and says what it wrote."""


def task_function(type: TaskType | Literal["self_test"]) -> TaskFunction:
    """The `run` of this type's module, imported only now: not every type needs what another has to import."""
    return cast(TaskFunction, import_module(f"{__name__}.{type}").run)
