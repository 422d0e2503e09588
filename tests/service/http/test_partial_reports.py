"""The report of a job that has not succeeded: asked for by `partial=true`, made by a worker, marked in every form."""

import threading
import time
from typing import Any

import httpx
import pytest

from api_schemas.evaluation import Report
from service.core.clients import Core
from service.core.lifecycle import partial_reports
from service.core.queue import workers
from service.core.queue.workers import Sign
from service.http import partial_reports as waiting
from tests.service.core.made_up_results import RESULTS


@pytest.fixture
def report(api: httpx.Client, core: Core, worker: Any) -> str:
    """Address of the report of an evaluation of two trials, one of which has ended; a worker is alive."""
    source = worker.ready_set("source")
    params = {"arms": ["baseline"], "architectures": ["ConvNetD3"], "trials": 2}
    params |= {"dataset": worker.ready_set(source_dataset=source)}
    job = api.post("/v1/jobs", json={"kind": "evaluate", "params": params}).json()
    workers.beat(core.redis, "hand", Sign({"io": 1}))
    finish(worker, job["id"], 0)
    return f"{job['links']['self']}/report"


def finish(worker: Any, job_id: str, number: int) -> None:
    claimed = worker.claim(job_id, f"evaluate:baseline:ConvNetD3:{number}")
    worker.hand_in(claimed, RESULTS[claimed.type](claimed)[0])


def made_meanwhile(core: Core, report: str) -> threading.Thread:
    """Make the report as soon as a worker is woken for it."""

    def make() -> None:
        woken = core.dispatcher.waiting("io")
        deadline = time.monotonic() + 10
        while core.dispatcher.waiting("io") == woken and time.monotonic() < deadline:
            time.sleep(0.02)
        work = partial_reports.work(core, report.split("/")[3], "hand")
        assert work is not None
        found = RESULTS[work.type](work)[0]["report"] | {"complete": False, "trials": work.params["partial"]}
        partial_reports.store(core, work, Report.model_validate(found))

    thread = threading.Thread(target=make)
    thread.start()
    return thread


PARTIAL = {"partial": "true"}


def test_without_being_asked_there_is_none(api: httpx.Client, report: str) -> None:
    answer = api.get(report)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_finished")
    assert "partial=true" in answer.json()["detail"]
    api.post(report.replace("report", "cancel"))
    answer = api.get(report)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_report")
    assert "partial=true" in answer.json()["detail"]


def test_every_form_says_what_it_lacks(api: httpx.Client, core: Core, report: str) -> None:
    making = made_meanwhile(core, report)
    answer = api.get(report, params=PARTIAL)
    making.join()
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["complete"], found["job_state"]) == (False, "running")
    assert [(row["ended"], row["planned"]) for row in found["trials"]] == [(1, 2)]
    told = "INCOMPLETE: the job is running, and this is of 1 of 2 trials (baseline ConvNetD3 1 of 2)."
    for form in ("md", "html", "csv"):
        text = api.get(f"{report}.{form}", params=PARTIAL).text
        assert told in text[: text.index("<h2>") if form == "html" else 600], form
    assert text.startswith("# INCOMPLETE")
    assert text.splitlines()[1].startswith("dataset,arm,")


def test_its_tag_changes_as_trials_end_and_with_the_job(
    api: httpx.Client, core: Core, worker: Any, report: str
) -> None:
    making = made_meanwhile(core, report)
    first = api.get(report, params=PARTIAL)
    making.join()
    assert api.get(report, params=PARTIAL, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    api.post(report.replace("report", "cancel"))
    canceled = api.get(report, params=PARTIAL, headers={"If-None-Match": first.headers["ETag"]})
    assert (canceled.status_code, canceled.json()["job_state"]) == (200, "canceled")
    assert canceled.json()["evaluation"] == first.json()["evaluation"]


def test_more_trials_make_another(api: httpx.Client, core: Core, worker: Any, report: str) -> None:
    made = []
    for number in (0, 1):
        if number:
            finish(worker, report.split("/")[3], number)
        making = made_meanwhile(core, report)
        made.append(api.get(report, params=PARTIAL))
        making.join()
    first, second = made
    assert first.headers["ETag"] != second.headers["ETag"]
    assert [len(answer.json()["evaluation"]["rows"][0]["trials"]) for answer in made] == [1, 2]


def test_without_a_worker_the_answer_says_so(
    api: httpx.Client, core: Core, report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LONGEST_WAIT", 0.1)
    answer = api.get(report, params=PARTIAL)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "ask again" in answer.json()["detail"]
    workers.leave(core.redis, "hand")
    answer = api.get(report, params=PARTIAL)
    assert "no worker takes queue io" in answer.json()["detail"]


def test_a_kind_without_a_report_has_none(api: httpx.Client, worker: Any) -> None:
    params = {"source_dataset": worker.ready_set("source")}
    training = api.post("/v1/jobs", json={"kind": "train_labeler", "params": params}).json()
    assert "partial" not in api.get(f"{training['links']['self']}/report").json()["detail"]
    answer = api.get(f"{training['links']['self']}/report", params=PARTIAL)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_report")
