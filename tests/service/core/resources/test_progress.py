"""The progress of a job is the sum over its current stage."""

import json
from typing import Any

from service.core.queue.records import JobRecord, TaskRecord
from service.core.resources import progress


def task(name: str, state: str, work: int = 100, **said: Any) -> TaskRecord:
    fields = {"stage": name.partition(":")[0], "type": "evaluate", "state": state, "work": str(work), "unit": "images"}
    if said:
        event = {"stage": "x", "unit": "views", "rate": None, "eta_seconds": None} | said
        fields["progress"] = json.dumps(event)
    return TaskRecord(name, fields)


def shown(*tasks: TaskRecord) -> dict[str, Any]:
    found = progress.of_job(JobRecord("job", {}, list(tasks)))
    assert found is not None
    return found.model_dump()


def test_nothing_has_been_said() -> None:
    assert shown(task("train", "queued"), task("report", "queued", 1)) == {
        "stage": "train",
        "done": 0,
        "total": 100,
        "unit": "images",
        "rate": None,
        "eta_seconds": None,
    }


def test_a_stage_is_summed_over_its_tasks() -> None:
    assert shown(
        task("train", "succeeded"),
        task("evaluate:a", "succeeded", 100, done=95, total=104),
        task("evaluate:b", "running", 100, done=10, total=110, rate=4.0),
        task("evaluate:c", "running", 100, done=30, total=100, rate=6.0),
        task("evaluate:d", "running", 100),
        task("evaluate:e", "queued", 200),
        task("report", "queued", 1),
    ) == {
        "stage": "evaluate",
        "done": 104 + 10 + 30,
        "total": 104 + 110 + 100 + 100 + 200,
        "unit": "views",
        "rate": 10.0,
        "eta_seconds": (614 - 144) / 10.0,
    }


def test_what_has_stopped_has_no_rate() -> None:
    found = shown(task("train", "failed", done=10, total=100, rate=4.0), task("report", "canceled", 1))
    assert (found["stage"], found["done"], found["rate"], found["eta_seconds"]) == ("train", 10, None, None)


def test_a_finished_job_shows_its_last_stage_whole() -> None:
    found = shown(task("train", "succeeded"), task("report", "succeeded", 1))
    assert (found["stage"], found["done"], found["total"]) == ("report", 1, 1)


def test_a_standstill_has_no_end_in_sight() -> None:
    assert shown(task("train", "running", done=0, total=100, rate=0.0))["eta_seconds"] is None
