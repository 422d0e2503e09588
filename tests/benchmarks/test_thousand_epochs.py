"""The tables of what was kept, and jobs that go on from it at a service that may have forgotten them."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pytest
import thousand_epochs
import thousand_epochs_parts
from ladd_client.errors import ProblemError
from pydantic import BaseModel
from thousand_epochs_parts import CONTROLS, FOUR, Part
from thousand_epochs_tables import OWN, tables

from api_schemas.evaluation import EvaluationRow, TrialRow
from api_schemas.jobs import JobState, LaddParams
from api_schemas.problems import ErrorCode, Problem
from workers.ladd.evaluation.answers import pack_answers

IMAGES = 200
URL = "http://service"
SOURCE = "ds_" + "0" * 26
START = "start of DM-128, ConvNetD5, views sampled:1"


def answers(accuracy: float, seed: int) -> str:
    return pack_answers(np.random.default_rng(seed).random(IMAGES) < accuracy / 100)


def trials(accuracy: float, count: int) -> dict[str, Any]:
    about = {"seconds": 36.0, "flops": 10**12, "measured_on": "one machine"}
    return {
        str(seed): about | {"accuracy": accuracy + seed, "correct": answers(accuracy, 100 * int(accuracy) + seed)}
        for seed in range(count)
    }


def lines_of(text: str) -> list[list[str]]:
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    return lines[2:]


def made_up() -> dict[str, Any]:
    rows = {
        "DC, ConvNetD3": {"baseline": trials(50, 2), "ladd": trials(60, 2)},
        "DM, ConvNetD3": {arm: trials(40 + 10 * place, 3) for place, arm in enumerate(FOUR)},
        "DM, ConvNetD3, reduction mean": {"ladd": trials(90, 3)},
        "DM-128, ConvNetD5, views sampled:1": {"baseline": trials(30, 3), "ladd": trials(80, 3)},
        START: {"baseline": trials(20, 2), "ladd": trials(40, 3)},
    }
    epochs = {str(epoch): 10.0 * epoch for epoch in range(1, 11)}
    return {"rows": rows, "test_images": dict.fromkeys(rows, IMAGES), "labelers": {"cifar10": epochs}}


def test_the_tables_are_in_the_order_of_the_parts() -> None:
    order = ["DM, ConvNetD3", "DC, ConvNetD3", "not run yet", "DM-128, ConvNetD5, views sampled:1", START]
    text = tables(made_up(), order, CONTROLS)
    # As text the last epoch would be 9.
    assert "- Labelers on the test images: cifar10 100.0 % (epoch 10)." in text
    assert "- one machine\n- 30 trials, 0.03 PFLOP" in text
    assert list(dict.fromkeys(cells[0] for cells in lines_of(text))) == order[:2] + order[3:]


def test_differences_are_to_the_baseline_and_to_random_images() -> None:
    kept = made_up()
    by_place = {(cells[0], cells[1]): cells[2:] for cells in lines_of(tables(kept, [*kept["rows"]], CONTROLS))}
    assert by_place["DC, ConvNetD3", "`ladd`"][0] == "2"
    assert by_place["DC, ConvNetD3", "`ladd`"][3] == "too few trials"
    assert by_place["DM, ConvNetD3", "`baseline`"] == ["3", "41.00 ± 0.82", "", ""]
    assert by_place["DM, ConvNetD3, reduction mean", "`ladd`"][3] == "better"
    # LADD 50 on distilled images, 70 on random ones; 80 and 40 on the set and what it was distilled from.
    assert by_place["DM, ConvNetD3", OWN][0::3] == ["3, 3", "worse"]
    assert by_place["DM-128, ConvNetD5, views sampled:1", OWN][0::3] == ["3, 3", "better"]
    assert (START, OWN) not in by_place


Model = TypeVar("Model", bound=BaseModel)


def part(model: type[Model], **fields: Any) -> Model:
    """A model with the fields that are looked at."""
    return model.model_construct(**fields)


class FakeClient:
    """A service that knows one set and one job; what is submitted ends at once, in `state`."""

    state = JobState.SUCCEEDED

    def __init__(self, url: str) -> None:
        assert url == URL
        self.submitted: list[Any] = []

    def __enter__(self) -> "FakeClient":
        return self

    def __exit__(self, *raised: object) -> None:
        pass

    def dataset(self, id: str) -> None:
        if id != SOURCE:
            raise ProblemError(part(Problem, code=ErrorCode.NOT_FOUND, status=404, detail="", reasons=[]))

    def labelers(self) -> list[Any]:
        return [SimpleNamespace(source_dataset=SOURCE)]

    def labeler(self, id: str) -> Any:
        return SimpleNamespace(epochs=[SimpleNamespace(epoch=10, val_accuracy=65.0)])

    def submit(self, request: dict[str, Any]) -> Any:
        assert request["params"]["dataset"] == "ds_new"
        self.seed = request["params"]["evaluation"]["seed"]
        return SimpleNamespace(id=f"job_{self.seed}")

    def job(self, id: str) -> Any:
        return SimpleNamespace(id=id, state=self.state, error="out of memory", result=SimpleNamespace(labeler="lb"))

    def report(self, id: str) -> Any:
        fields = {"accuracy": 50.0, "seconds": 1.0, "per_class_accuracy": [50.0], "losses": [2.0, 1.0]}
        trial = part(TrialRow, correct=answers(50, self.seed), **fields)
        rows = [
            part(EvaluationRow, arm=arm, trials=[trial], flops=1, recipe={}, mean=50.0) for arm in ("baseline", "ladd")
        ]
        evaluation = SimpleNamespace(rows=rows, test_images=IMAGES)
        return SimpleNamespace(evaluation=evaluation, hardware="the worker's machine", versions={"torch": "2"})


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of an earlier version, with what a service called things; of its two sets one is gone."""
    path = tmp_path / "results.json"
    ids = {"cifar10": SOURCE, "DM": "ds_gone"}
    path.write_text(json.dumps({"rows": {}, "services": {URL: ids, "http://other": {"DM": "ds_other"}}}))
    monkeypatch.setattr(thousand_epochs, "PARTS", (Part("DM", "ConvNetD3", ("baseline", "ladd"), range(2)),))
    monkeypatch.setattr(thousand_epochs, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(thousand_epochs, "LaddClient", FakeClient)
    monkeypatch.setattr(thousand_epochs, "upload", lambda client, metadata, files: SimpleNamespace(id="ds_new"))
    given = ["--url", URL, "--cifar10", "tar", "--distilled", str(tmp_path), "--out", str(path)]
    monkeypatch.setattr(sys, "argv", ["thousand_epochs.py", *given])
    monkeypatch.setattr(thousand_epochs, "AT_ONCE", 1)
    return path


def services(out: Path) -> Any:
    return json.loads(out.with_suffix(".services.json").read_text())


def test_jobs_go_on_where_an_earlier_version_ended(out: Path) -> None:
    thousand_epochs.main()
    kept = json.loads(out.read_text())
    # Names of a service are no results.
    assert set(kept) == {"rows", "test_images", "labelers"}
    assert services(out) == {URL: {"cifar10": SOURCE, "DM": "ds_new"}, "http://other": {"DM": "ds_other"}}
    found = kept["rows"]["DM, ConvNetD3"]
    assert {arm: list(by_seed) for arm, by_seed in found.items()} == {"baseline": ["0", "1"], "ladd": ["0", "1"]}
    assert found["ladd"]["1"]["measured_on"] == "the worker's machine; torch 2"
    assert "the worker's machine" in out.with_suffix(".md").read_text()


def test_a_job_that_failed_is_begun_anew_by_the_next_call(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeClient, "state", JobState.FAILED)
    with pytest.raises(SystemExit, match="DM, ConvNetD3, seed 0, baseline ladd: job_0 failed: out of memory"):
        thousand_epochs.main()
    assert services(out)[URL] == {"cifar10": SOURCE, "DM": "ds_new"}


@pytest.mark.parametrize("part", thousand_epochs_parts.PARTS, ids=lambda part: part.name)
def test_the_service_takes_the_job_of_every_part(part: Part) -> None:
    evaluation = {"arms": part.arms, "architectures": [part.architecture], "overrides": part.all_overrides}
    LaddParams.model_validate({"dataset": SOURCE, "evaluation": evaluation, **part.labels})
