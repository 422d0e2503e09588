"""The blocks of `docs/other-tools.md` run as they stand."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client.test_archive import write

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "other-tools.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_loop_runs_on_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "archive.zip", encoding="uint8")
    [loop] = blocks("python")
    names: dict[str, Any] = {}
    exec(loop, names)
    assert names["loss"].isfinite()
    assert names["loss"].requires_grad


@pytest.mark.slow
def test_every_command_runs(
    ladd: Callable[..., Any], worker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    job = worker.start_ladd()
    worker.run_ladd(job)
    lines = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    for program, *arguments in lines:
        if program == "python":  # run by tests/examples
            assert (ROOT / arguments[0]).exists()
        else:
            answer = ladd(*(job.id if argument == "JOB" else argument for argument in arguments))
            assert (program, answer.exit_code) == ("ladd", 0), answer.stderr
    made = {path.name for path in tmp_path.iterdir()}
    assert {"runs", "mlruns", "report.ipynb"} <= made
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {job.id, "wandb"}
