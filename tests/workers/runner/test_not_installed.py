"""A runner from a checkout that nobody installed: no metadata of ours says which version it is."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from api_schemas.evaluation import Report
from api_schemas.runner import RUNNER_EVENT, DoneEvent, RunnerTask, TaskType
from tests.bare_machine import PACKAGES, bare_environment, bare_python, copy_of_checkout
from tests.workers.runner.tasks.test_report import SET, documents
from workers.runner.versions import UNKNOWN, versions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., "subprocess.Popen[str]"]:
    """Start Python with some arguments there: the service's requirements are installed and the service is not."""
    folder = tmp_path_factory.mktemp("machine")
    python = bare_python(folder / "python", (*PACKAGES, "pydantic"))
    environment = bare_environment(python) | {"PYTHONPATH": str(copy_of_checkout(folder / "checkout"))}

    def started(*arguments: str | Path) -> "subprocess.Popen[str]":
        command, pipe = [python, *arguments], subprocess.PIPE
        # Standard input stays open: its end would be that of the supervisor.
        return subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True)

    return started


def test_a_version_that_nobody_knows_costs_no_task(run: Callable[..., "subprocess.Popen[str]"], tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    params = {"job": "job_" + "0" * 26, "kind": "evaluate", "params": {}, "source_dataset": SET, "test_images": 100}
    params |= {"points": [], "distillation": None, "inputs": []}
    found = documents("evaluate", "baseline", "ViT", [50.0])
    task = RunnerTask(type=TaskType.REPORT, params=params, inputs={}, documents=found, device="cpu", threads=1)
    (tmp_path / "task.json").write_text(task.model_dump_json())
    with run("-P", "-m", "workers.runner", tmp_path) as runner:
        assert runner.stdout is not None
        *_, last = map(RUNNER_EVENT.validate_json, runner.stdout)
    assert isinstance(last, DoneEvent), last
    report = Report.model_validate(last.result["report"])
    assert report.versions["ladd-service"] == UNKNOWN
    assert report.versions["torch"] == version("torch")


def test_every_task_can_be_begun(run: Callable[..., "subprocess.Popen[str]"]) -> None:
    modules = [f"workers.runner.tasks.{type}" for type in TaskType]
    with run("-c", f"import {', '.join(modules)}; print(workers.__path__)") as python:
        assert python.stdout is not None
        assert "machine" in python.stdout.read()


def test_an_installed_service_knows_its_version() -> None:
    assert versions()["ladd-service"] == version("ladd-service")
    assert versions()["python"] == sys.version.split()[0]
