"""`--json` and the exit codes: what a script may rely on."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ladd_client.cli import app
from ladd_client.exit_codes import MEANINGS, ExitCode
from typer.main import get_command
from typer.testing import CliRunner

from api_schemas.jobs import JobKind
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError

Ladd = Callable[..., Any]
ROOT = Path(__file__).parents[2]


def commands(group: Any, path: str = "ladd") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def test_every_command_has_it() -> None:
    found = dict(commands(get_command(app)))
    assert {"ladd upload", "ladd run sweep", "ladd doctor"} <= set(found)
    options = {name: {flag for param in command.params for flag in param.opts} for name, command in found.items()}
    assert [name for name, flags in options.items() if "--json" not in flags] == []


def test_there_is_a_command_for_every_kind() -> None:
    run = get_command(app).commands["run"]  # type: ignore[attr-defined]
    # By an upload, by `ladd export` and by `ladd compare`.
    started_otherwise = {JobKind.INGEST_DATASET, JobKind.EXPORT, JobKind.COMPARE}
    assert [kind for kind in JobKind if kind not in started_otherwise and not run.get_command(None, kind)] == []


def test_what_is_printed_is_one_document(ladd: Ladd, worker: Any, client: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"a")
    uploaded = json.loads(ladd("upload", str(tmp_path / "a.pt"), "--role", "source", "--detach", "--json").stdout)
    assert (uploaded["name"], uploaded["state"]) == ("a", "validating")
    worker.ingest(client.dataset(uploaded["id"]))
    distilled, source = worker.ready_pair()
    start = ("run", "train_labeler", "--source-dataset", source, "--set", "epochs=3", "--detach", "--json")
    started = ladd(*start)
    job = json.loads(started.stdout)
    assert (job["kind"], job["params"]["epochs"]) == ("train_labeler", 3)
    assert started.stderr.splitlines()[-1] == job["id"]
    assert json.loads(ladd("cancel", job["id"], "--json").stdout)["state"] == "canceled"
    watched = ladd("watch", job["id"], "--json")
    assert (watched.exit_code, json.loads(watched.stdout)["state"]) == (ExitCode.FAILED, "canceled")
    assert f"{job['id']} canceled" in watched.stderr
    again = json.loads(ladd("retry", job["id"], "--detach", "--json").stdout)
    assert again["state"] == "queued"
    deleted = ladd("delete", distilled, uploaded["id"], "--json")
    assert [json.loads(line)["id"] for line in deleted.stdout.splitlines()] == [distilled, uploaded["id"]]
    assert len(ladd("jobs", "--json").stdout.splitlines()) == len(list(client.jobs()))


def test_a_job_that_is_waited_for_is_one_document_too(ladd: Ladd, worker: Any, tmp_path: Path) -> None:
    job = worker.start_ladd()
    archive = worker.run_ladd(job)
    watched = ladd("watch", job.id, "--json")
    assert (watched.exit_code, json.loads(watched.stdout)["state"]) == (0, "succeeded")
    output = str(tmp_path / "a.zip")
    fetched = json.loads(ladd("download", job.id, "-o", output, "--json").stdout)
    assert (fetched["path"], fetched["bytes"], fetched["dataset"][:3]) == (output, len(archive), "ds_")


def test_a_rejected_set_is_told_as_such(ladd: Ladd, client: Any, worker: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"a")

    def reject() -> None:
        waiting: list[Any] = []
        while not waiting:
            waiting = list(client.datasets())
        error = TaskError(code=ErrorCode.REJECTED_INPUT, origin=ErrorOrigin.INPUT, message="it is bad", reasons=[])
        worker.fail(worker.claim(waiting[0].job, "ingest"), error)

    rejecting = threading.Thread(target=reject)
    rejecting.start()
    result = ladd("upload", str(tmp_path / "a.pt"), "--role", "source", "--json")
    rejecting.join()
    assert (result.exit_code, json.loads(result.stdout)["state"]) == (ExitCode.FAILED, "rejected")
    assert "it is bad" in result.stderr


def test_params_come_from_a_file_over_which_flags_stand(ladd: Ladd, client: Any, worker: Any, tmp_path: Path) -> None:
    distilled, _ = worker.ready_pair()
    params = tmp_path / "params.json"
    evaluation = {"trials": 4, "architectures": ["ConvNetD3"], "overrides": {"epochs": 7, "momentum": 0.5}}
    params.write_text(json.dumps({"dataset": distilled, "views": {"n": 3}, "evaluation": evaluation}))
    flags = ("--epochs", "9", "--set", "evaluation.trials=2", "--detach")
    job = client.job(ladd("run", "ladd", "--params", str(params), *flags).stdout.strip())
    assert (job.params["views"]["n"], job.params["evaluation"]["trials"]) == (3, 2)
    overrides = job.params["evaluation"]["overrides"]
    assert (overrides["epochs"], overrides["momentum"]) == (9, 0.5)
    piped = ladd("run", "ladd", "--params", "-", "--detach", stdin=params.read_text())
    assert client.job(piped.stdout.strip()).params["evaluation"]["trials"] == 4
    for text, message in (("[1]", "holds no JSON object"), ("{", "is not JSON")):
        refused = ladd("run", "ladd", "--params", "-", stdin=text)
        assert (refused.exit_code, message in refused.stderr) == (ExitCode.USAGE, True)
    missing = ladd("run", "evaluate", "--params", "-", stdin="{}")
    assert (missing.exit_code, "exactly one of 'dataset' and 'datasets'" in missing.stderr) == (ExitCode.PROBLEM, True)


def test_a_labeler_is_imported_as_a_job_of_its_kind(ladd: Ladd, client: Any, worker: Any, tmp_path: Path) -> None:
    _, source = worker.ready_pair()
    (tmp_path / "mine.safetensors").write_bytes(b"weights")
    flags = ("--kind", "weights", "--name", "mine", "--source-dataset", source, "--set", "architecture=ConvNetD3")
    started = ladd("run", "import_labeler", str(tmp_path / "mine.safetensors"), *flags, "--detach")
    job = client.job(started.stdout.strip())
    assert (job.kind, job.params["name"]) == ("import_labeler", "mine")


def test_codes_are_told_in_the_help_and_in_the_docs(ladd: Ladd) -> None:
    told = " ".join(ladd("--help").stdout.split())
    page = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    for code, meaning in MEANINGS.items():
        assert f"{code.value} {meaning}" in told
        assert f"| {code.value} | {meaning} |" in page


def test_commands_are_completed() -> None:
    typed = {"_LADD_COMPLETE": "complete_bash", "COMP_WORDS": "ladd run gen", "COMP_CWORD": "2"}
    assert CliRunner().invoke(app, [], prog_name="ladd", env=typed).stdout.split() == ["generate-labels"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("jobs", "--kind", "x"), ExitCode.USAGE),
        (("--url", "nowhere", "jobs"), ExitCode.PROBLEM),
        (("--url", "http://127.0.0.1:9", "cancel", "x"), ExitCode.UNREACHABLE),
    ],
)
def test_what_goes_wrong_has_its_code_and_leaves_standard_output_empty(
    arguments: tuple[str, ...], code: ExitCode, monkeypatch: pytest.MonkeyPatch, local_ladd: Ladd
) -> None:
    monkeypatch.setattr("ladd_client.transport._LONGEST_PAUSE", 0.01)
    result = local_ladd(*arguments, "--json")
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr
