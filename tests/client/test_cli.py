"""The `ladd` command as a user types it."""

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ladd_client.api import LaddClient

from api_schemas.datasets import DatasetState
from api_schemas.jobs import Job, JobKind, JobState
from api_schemas.runner import ProgressEvent

Ladd = Callable[..., Any]


def in_background(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def ingest_next(client: LaddClient, worker: Any) -> Callable[[], None]:
    """Ingest the next set that is uploaded."""

    def ingest() -> None:
        waiting: list[Any] = []
        while not waiting:
            waiting = list(client.datasets(state=DatasetState.VALIDATING))
        worker.ingest(waiting[0])

    return ingest


def test_upload_waits_and_says_what_was_found(ladd: Ladd, client: LaddClient, worker: Any, tmp_path: Path) -> None:
    (tmp_path / "cifar.npz").write_bytes(b"images")
    ingesting = in_background(ingest_next(client, worker))
    result = ladd(
        "upload",
        str(tmp_path / "cifar.npz"),
        *("--role", "distilled", "--normalization", '{"mean": [0.5], "std": [0.2]}', "--class-map", "cat,dog"),
    )
    ingesting.join()
    assert result.exit_code == 0
    identifier, *found = result.stdout.splitlines()
    dataset = client.dataset(identifier)
    assert dataset.name == "cifar"
    sent = dataset.metadata.model_dump(mode="json", exclude_unset=True)
    assert sent["normalization"] == {"mean": [0.5], "std": [0.2]}
    assert sent["class_map"] == ["cat", "dog"]
    assert found[0] == f"{identifier} ready"
    assert "2 images 3x32x32 uint8, 2 classes" in found[1]
    assert found[-1].strip() == "warning: nobody computed this"
    assert "upload" in result.stderr
    assert "validate" in result.stderr


def test_upload_detached_prints_only_the_id(ladd: Ladd, client: LaddClient, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"a")
    result = ladd("upload", str(tmp_path / "a.pt"), "--role", "source", "--name", "mine", "--detach")
    assert client.dataset(result.stdout.strip()).name == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--normalization", "imagnet"), "normalization"),
        (("--normalization", "{"), "--normalization"),
        (("--normalization", '{"mean": [0], "std": [0]}'), "std must be > 0, got 0"),
        (("--resolution", "4"), "resolution: Input should be greater than or equal to 8"),
    ],
)
def test_bad_flags_are_refused_here_with_field_and_value(
    ladd: Ladd, client: LaddClient, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "a.pt").write_bytes(b"a")
    result = ladd("upload", str(tmp_path / "a.pt"), "--role", "source", *arguments)
    assert result.exit_code != 0
    assert message in result.stderr
    assert list(client.datasets()) == []


def test_run_ladd_sends_only_what_is_given(ladd: Ladd, client: LaddClient, worker: Any) -> None:
    distilled, source = worker.ready_pair()
    result = ladd(
        *("run", "ladd", "--dataset", distilled, "--n", "3", "--trials", "2", "--architecture", "ConvNetD3"),
        *("--architecture", "VGG11", "--epochs", "20", "--views", "sampled:2", "--labeler-epochs", "2"),
        *("--precision", "fast", "--view-weight", "2"),
        *("--set", "labeler.lr=0.02", "--tag", "run=a=b", "--detach"),
    )
    assert result.exit_code == 0
    job = client.job(result.stdout.strip())
    assert job.tags == {"run": "a=b"}
    assert job.params["source_dataset"] == source
    assert job.params["views"] == {"n": 3, "ratio": 0.625}
    assert job.params["labeler"]["epochs"] == 2
    assert job.params["labeler"]["lr"] == 0.02
    evaluation = job.params["evaluation"]
    assert (evaluation["trials"], evaluation["architectures"]) == (2, ["ConvNetD3", "VGG11"])
    assert evaluation["overrides"] == {
        "epochs": 20,
        "seed_rule": 2,
        "views": "sampled:2",
        "view_weight": 2.0,
        "precision": "fast",
    }
    assert result.stderr.startswith("predicted cost: labelling ")
    assert "(nominal)" in result.stderr


def test_a_job_above_an_hour_is_asked_about(
    ladd: Ladd, client: LaddClient, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    distilled, _ = worker.ready_pair()
    start = ("run", "ladd", "--dataset", distilled, "--detach")
    monkeypatch.setattr("ladd_client.session.somebody_is_there", lambda: True)
    refused = ladd(*start, stdin="n\n")
    assert refused.exit_code == 1
    assert "--protocol quick takes minutes on two cores" in refused.stderr
    assert re.search(r"It takes \d+ .+ to \d+ .+ of one device. Start it \(--yes", refused.stderr)
    assert list(client.jobs(kind=JobKind.LADD)) == []
    monkeypatch.setattr("ladd_client.session.somebody_is_there", lambda: False)
    alone = ladd(*start, "--tag", "asked=nobody")
    assert (alone.exit_code, "predicted cost" in alone.stderr) == (0, True)
    client.cancel(alone.stdout.strip())
    monkeypatch.setattr("ladd_client.session.somebody_is_there", lambda: True)
    for job in (ladd(*start, stdin="y\n"), ladd(*start, "--yes"), ladd(*start, "--protocol", "quick")):
        assert job.exit_code == 0
    quick, _, asked, _ = client.jobs(kind=JobKind.LADD)
    assert (quick.params["protocol"], quick.params["evaluation"]["architectures"]) == ("quick", ["ConvNetD3"])
    assert (asked.params["protocol"], len(asked.params["evaluation"]["architectures"])) == ("paper", 5)


def test_listed_jobs_show_how_long_they_will_take(ladd: Ladd, client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    [waiting] = [line for line in ladd("jobs").stdout.splitlines() if line.startswith(job.id)]
    assert re.search(r"queued +- +in all 1 min \d\d s to \d\d min \d\d s", waiting)
    claimed = worker.claim(job.id, "train_labeler")
    event = ProgressEvent(
        event="progress", stage="train_labeler", done=10, total=20, unit="images", rate=0.1, eta_seconds=100.0
    )
    worker.say(claimed, event)
    [running] = [line for line in ladd("jobs").stdout.splitlines() if line.startswith(job.id)]
    assert "running  train_labeler 50%  1 min 40 s" in running


def test_a_detached_job_that_nobody_takes_says_so(ladd: Ladd, worker: Any) -> None:
    _, source = worker.ready_pair()
    worker.beat(cpu=1)
    started = ladd("run", "train-labeler", "--source-dataset", source, "--detach")
    assert "waiting: no worker takes queue gpu" in started.stderr
    worker.beat(gpu=1)
    started = ladd("run", "train-labeler", "--source-dataset", source, "--set", "seed=1", "--detach")
    assert "waiting" not in started.stderr


def test_defaults_that_are_left_out_are_told(ladd: Ladd, client: LaddClient, worker: Any) -> None:
    distilled, _ = worker.ready_pair()
    result = ladd("run", "evaluate", "--dataset", distilled, "--protocol", "quick", "--detach")
    assert f"note: arms: {distilled} has no dense labels" in result.stderr


def test_every_kind_can_be_started_from_flags(ladd: Ladd, client: LaddClient, worker: Any) -> None:
    distilled, source = worker.ready_pair()
    other, _ = worker.ready_pair()
    job = client.job(
        ladd("run", "train-labeler", "--source-dataset", source, "--epochs", "3", "--detach").stdout.strip()
    )
    assert (job.kind, job.params["epochs"]) == ("train_labeler", 3)
    worker.train_labeler(worker.start_ladd().id)
    [labeler] = client.labelers()
    job = client.job(
        ladd("run", "generate-labels", "--dataset", distilled, "--labeler", labeler.id, "--detach").stdout.strip()
    )
    assert (job.kind, job.params["labeler"]) == ("generate_labels", labeler.id)
    chosen = ("--epoch", "10", "--temperature", "1.5", "--detach")
    job = client.job(
        ladd("run", "generate-labels", "--dataset", distilled, "--labeler", labeler.id, *chosen).stdout.strip()
    )
    assert (job.params["epoch"], job.params["temperature"]) == (10, 1.5)
    refused = ladd("run", "generate-labels", "--dataset", distilled, "--labeler", labeler.id, "--epoch", "last")
    assert "epoch" in refused.stderr
    sets = ("--dataset", distilled, "--dataset", other)
    job = client.job(
        ladd(
            "run", "evaluate", *sets, "--source-dataset", source, "--arm", "baseline", "--detach", "--yes"
        ).stdout.strip()
    )
    assert (job.kind, job.params["datasets"]) == ("evaluate", [distilled, other])
    result = ladd("jobs", "--kind", "evaluate")
    assert [line.split()[:3] for line in result.stdout.splitlines()[2:]] == [[job.id, "evaluate", "queued"]]


def test_a_job_is_watched_to_its_table_and_its_archive_downloaded(
    ladd: Ladd, client: LaddClient, worker: Any, tmp_path: Path
) -> None:
    distilled, _ = worker.ready_pair()
    request = tmp_path / "job.json"
    evaluation = {"architectures": ["ConvNetD3"], "trials": 1}
    request.write_text(json.dumps({"kind": "ladd", "params": {"dataset": distilled, "evaluation": evaluation}}))
    archives: list[bytes] = []

    def work() -> None:
        started: list[Job] = []
        while not started:
            started = list(client.jobs(state=JobState.QUEUED))
        archives.append(worker.run_ladd(started[0]))

    working = in_background(work)
    result = ladd("submit", str(request), "--yes")
    working.join()
    assert result.exit_code == 0
    job_id, *rest = result.stdout.splitlines()
    assert rest[0].startswith("dataset ds_")
    assert any(line.split()[:4] == ["ConvNetD3", "61.50", "±", "0.00"] for line in rest)
    assert "zipped, as the paper counts" in result.stdout
    [deployment] = [line for line in rest if line.startswith("deployment ") and "device time" in line]
    assert re.search(r"device time 1 min \d\d s to \d\d min \d\d s \(nominal\)", deployment)
    assert re.search(r"2e-06 PFLOP, 0\.0 MiB, device time \d", deployment)
    assert "evaluate" in result.stderr

    assert ladd("watch", job_id).stdout.splitlines() == rest
    assert "a pencil; torch 2.13.0\nnote: made by hand" in ladd("report", job_id).stdout
    assert json.loads(ladd("report", job_id, "--json").stdout)["hardware"] == "a pencil"
    output = tmp_path / "set.zip"
    assert ladd("download", job_id, "-o", str(output)).stdout.strip() == str(output)
    assert output.read_bytes() == archives[0]
    refused = ladd("download", job_id, "-o", str(tmp_path / "absent" / "set.zip"))
    assert refused.exit_code == 1
    assert "No such file or directory" in refused.stderr

    augmented = rest[0].split()[1]
    assert json.loads(ladd("show", augmented).stdout)["augmentation"]["n"] == 5
    assert json.loads(ladd("show", job_id).stdout)["state"] == "succeeded"
    [labeler] = client.labelers()
    assert json.loads(ladd("show", labeler.id).stdout)["id"] == labeler.id
    listed = ladd("datasets").stdout.splitlines()
    assert [line.split()[0] for line in listed[2:]] == [dataset.id for dataset in client.datasets()]
    assert "label-augmented" in listed[2]
    assert "70.25 %" in ladd("labelers").stdout
    assert json.loads(ladd("labelers", "--json").stdout)["id"] == labeler.id
    assert len(ladd("datasets", "--limit", "1").stdout.splitlines()) == 3


def test_a_labeler_is_imported(ladd: Ladd, client: LaddClient, worker: Any, tmp_path: Path) -> None:
    _, source = worker.ready_pair()
    (tmp_path / "mine.safetensors").write_bytes(b"weights")
    metadata = {"kind": "weights", "name": "mine", "source_dataset": source, "architecture": "ConvNetD3"}
    result = ladd("import-labeler", json.dumps(metadata), str(tmp_path / "mine.safetensors"), "--detach")
    job = client.job(result.stdout.strip())
    assert (job.kind, job.params["name"]) == ("import_labeler", "mine")
    worker.import_labeler(job.id)
    [labeler] = client.labelers()
    assert labeler.name == "mine"
    assert labeler.id in ladd("labelers").stdout
    refused = ladd("import-labeler", json.dumps(metadata | {"architecture": "LeNet"}))
    assert refused.exit_code != 0
    assert "architecture" in refused.stderr


def test_sets_labelers_and_jobs_are_deleted(ladd: Ladd, client: LaddClient, worker: Any) -> None:
    _, source = worker.ready_pair()
    job = ladd("run", "train-labeler", "--source-dataset", source, "--detach").stdout.strip()
    refused = ladd("delete", job)
    assert (refused.exit_code, "wait for its end or cancel it" in refused.stderr) == (1, True)
    worker.train_labeler(job)
    (made,) = client.labelers()
    labeler = made.id
    typo = ladd("delete", source, "xx_1")
    assert (typo.exit_code, "xx_1" in typo.stderr) == (2, True)
    result = ladd("delete", labeler, job, source)
    assert (result.exit_code, result.stdout.splitlines()) == (0, [f"{id} deleted" for id in (labeler, job, source)])
    for identifier in (labeler, job, source):
        assert ladd("show", identifier).exit_code == 1


def test_a_job_that_did_not_succeed_ends_with_code_3(ladd: Ladd, client: LaddClient, worker: Any) -> None:
    job = worker.start_ladd()
    assert ladd("cancel", job.id).stdout.strip() == f"{job.id} canceled"
    result = ladd("watch", job.id)
    assert result.exit_code == 3
    assert f"{job.id} canceled" in result.stderr
    again = ladd("retry", job.id, "--detach").stdout.strip()
    assert client.job(again).state is JobState.QUEUED
    assert "made no label-augmented set" in ladd("download", again).stderr


def test_a_refusal_is_a_message_and_code_1(ladd: Ladd) -> None:
    unknown = "job_" + "0" * 26
    result = ladd("show", unknown)
    assert result.exit_code == 1
    assert "HTTP 404, not_found" in result.stderr
    result = ladd("submit", "-", stdin='{"kind": "ladd", "params": {"dataset": "x", "view": {}}}')
    assert result.exit_code == 1
    assert "ladd.params.dataset: String should match pattern" in result.stderr
    assert "ladd.params.view: Extra inputs are not permitted" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tag", "novalue"), "no '='"),
        (("--set", "epoch.x=1", "--epoch", "3"), "is not an object"),
        (("--labeler", "lb_x", "--labeler-epochs", "3"), "has its epochs already"),
    ],
)
def test_flags_that_make_no_sense_are_named(ladd: Ladd, arguments: tuple[str, ...], message: str) -> None:
    result = ladd("run", "ladd", "--dataset", "ds_" + "0" * 26, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_server_that_is_not_there_is_said_plainly(ladd: Ladd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ladd_client.transport._LONGEST_PAUSE", 0.01)
    assert "must be like http://host:port, got '127.0.0.1:9'" in ladd("--url", "127.0.0.1:9", "jobs").stderr
    result = ladd("--url", "http://127.0.0.1:9", "jobs")
    assert result.exit_code == 4
    assert result.stderr.startswith("no answer from http://127.0.0.1:9")


def test_a_preset_is_printed_to_be_submitted(ladd: Ladd, client: LaddClient, worker: Any) -> None:
    assert "paper-table6" in ladd("presets").stdout
    distilled, source = worker.ready_pair()
    printed = ladd("preset", "paper-table6", "--dataset", distilled, "--method", "GLaD-MTT").stdout
    assert json.loads(printed)["params"]["source_dataset"] == source
    job = client.job(ladd("submit", "-", "--detach", "--yes", stdin=printed).stdout.strip())
    assert job.tags == {"preset": "paper-table6", "paper": "GLaD-MTT"}
    assert len(job.params["evaluation"]["arms"]) == 9
    assert any(note.startswith("Table 6 of the paper has 5 images per class") for note in job.notes)
    refused = ladd("preset", "paper-table6", "--dataset", distilled, "--plus-dataset", distilled)
    assert "no arm baseline_plus" in refused.stderr
    refused = ladd("preset", "paper-table9", "--dataset", distilled)
    assert refused.exit_code == 1
    assert "There is no preset paper-table9" in refused.stderr
