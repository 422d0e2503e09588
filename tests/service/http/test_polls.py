"""Polls are told when to come again, whether or not they find something new."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api_schemas.runner import ProgressEvent
from service.core.clients import Core
from service.core.lifecycle import tasks
from service.http import job_versions
from service.http.job_versions import JobVersions


@pytest.fixture
def here(api: httpx.Client, worker: Any) -> str:
    """Address of the training of a labeler, queued."""
    params = {"source_dataset": worker.ready_set("source")}
    link: str = api.post("/v1/jobs", json={"kind": "train_labeler", "params": params}).json()["links"]["self"]
    return link


@pytest.fixture
def poll(api: httpx.Client, here: str) -> Callable[[], str | None]:
    """Ask twice, the second time for what is new; both say the same."""

    def ask() -> str | None:
        first = api.get(here)
        again = api.get(here, headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
        assert again.headers.get("Retry-After") == first.headers.get("Retry-After")
        told: str | None = first.headers.get("Retry-After")
        return told

    return ask


@pytest.mark.parametrize(("left", "told"), [(None, "2"), (0.1, "1"), (7.2, "8"), (4000.0, "60")])
def test_the_time_to_the_end_is_followed_within_bounds(
    core: Core, worker: Any, here: str, poll: Callable[[], str | None], left: float | None, told: str
) -> None:
    claimed = worker.claim(here.rpartition("/")[2], "train_labeler")
    progress = {"stage": "train_labeler", "done": 1, "total": 9, "unit": "images", "rate": 1.0}
    tasks.record(core, claimed, ProgressEvent(event="progress", eta_seconds=left, **progress))
    assert poll() == told


def test_a_job_that_waits_takes_at_least_what_is_predicted(poll: Callable[[], str | None]) -> None:
    waiting = poll()
    assert waiting is not None
    assert 1 <= int(waiting) <= 60


def test_nobody_is_to_come_again_for_a_job_that_has_ended(
    worker: Any, here: str, poll: Callable[[], str | None]
) -> None:
    worker.train_labeler(here.rpartition("/")[2])
    assert poll() is None


def test_a_front_that_did_not_answer_before_says_it_as_well(
    api: httpx.Client, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = api.get(here)
    monkeypatch.setattr(JobVersions, "noted", lambda *_: None)
    again = api.get(here, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.headers["Retry-After"]) == (304, first.headers["Retry-After"])


def test_what_is_noted_does_not_grow_without_end(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_versions, "MOST_NOTED", 2)
    versions = JobVersions(core)
    for name in ("a", "b", "a", "c"):
        versions.note(name, "tag", 5)
    assert [versions.noted(name, "tag") for name in ("a", "b", "c")] == [5, None, 5]
    assert versions.noted("a", "another") is None
