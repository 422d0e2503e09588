"""`/v1/jobs`."""

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api_schemas.runner import ProgressEvent
from service.core.clients import Core
from service.core.lifecycle import tasks
from service.core.resources.api_keys import Scope

UNKNOWN = "job_" + "0" * 26


@pytest.fixture
def source(worker: Any) -> str:
    return str(worker.ready_set("source"))


@pytest.fixture
def submit(api: httpx.Client, source: str) -> Callable[..., httpx.Response]:
    """Start the training of a labeler."""

    def post(
        tags: dict[str, str] | None = None, headers: dict[str, str] | None = None, **params: Any
    ) -> httpx.Response:
        request = {"kind": "train_labeler", "params": {"source_dataset": source, **params}, "tags": tags or {}}
        return api.post("/v1/jobs", json=request, headers=headers)

    return post


def test_job_is_accepted_with_its_defaults_resolved(submit: Callable[..., httpx.Response]) -> None:
    answer = submit(tags={"run": "1"})
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["Location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert int(answer.headers["Retry-After"]) > 0
    assert (job["state"], job["kind"], job["tags"]) == ("queued", "train_labeler", {"run": "1"})
    assert job["params"]["architecture"] == "ConvNetD3"
    assert job["params"]["epochs"] == 10
    assert [task["name"] for task in job["tasks"]] == ["train_labeler"]


def test_idempotency_key_gives_the_first_job(submit: Callable[..., httpx.Response], api: httpx.Client) -> None:
    first, second = (submit(headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert second.status_code == 202
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert submit(headers={"Idempotency-Key": "k2"}).json()["id"] != first.json()["id"]
    reused = submit(headers={"Idempotency-Key": "k1"}, epochs=11)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert len(api.get("/v1/jobs", params={"kind": "train_labeler"}).json()["items"]) == 2


def test_racing_requests_with_one_key_start_one_job(submit: Callable[..., httpx.Response]) -> None:
    ids: list[str] = []
    threads = [
        threading.Thread(target=lambda: ids.append(submit(headers={"Idempotency-Key": "race"}).json()["id"]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1


def test_list_is_filtered_and_paged(submit: Callable[..., httpx.Response], api: httpx.Client) -> None:
    jobs = [
        submit(tags={"run": str(run), "owner": "a:b"}, headers={"Idempotency-Key": str(run)}).json()["id"]
        for run in range(3)
    ]
    api.post(f"/v1/jobs/{jobs[2]}/cancel")

    def listed(**params: Any) -> list[str]:
        return [item["id"] for item in api.get("/v1/jobs", params=params).json()["items"]]

    assert listed(kind="train_labeler") == jobs[::-1]
    assert listed(kind="train_labeler", state="queued") == jobs[1::-1]
    assert listed(tag="run:1") == [jobs[1]]
    assert listed(tag=["owner:a:b", "run:0"]) == [jobs[0]]
    assert listed(tag=["owner:a:b", "run:9"]) == []
    page = api.get("/v1/jobs", params={"kind": "train_labeler", "limit": 2}).json()
    assert listed(kind="train_labeler", limit=2, cursor=page["next_cursor"]) == [jobs[0]]


def test_a_job_says_who_made_it_and_lists_are_narrowed_by_name_states_and_time(
    submit: Callable[..., httpx.Response],
    api: httpx.Client,
    make_key: Callable[..., str],
    wait_until: Callable[[Callable[[], bool]], None],
) -> None:
    source = submit().json()["params"]["source_dataset"]
    key = make_key("default", Scope.READ, Scope.WRITE)
    # A front that knew of no key looks again within two seconds.
    wait_until(lambda: api.get("/v1/jobs").status_code == 401)
    api.headers["Authorization"] = f"Bearer {key}"
    body = {"kind": "train_labeler", "params": {"source_dataset": source, "seed": 1}}
    job = api.post("/v1/jobs", json=body | {"name": "Night run", "priority": -3}).json()
    assert (job["name"], job["priority"], job["created_by"]["name"]) == ("Night run", -3, "a test")
    assert job["queue"] == {"position": 2, "expected_start": None}

    def listed(**params: Any) -> list[str]:
        page = api.get("/v1/jobs", params=params).json()
        assert page["complete"]
        return [item["name"] for item in page["items"]]

    assert listed(name="night RUN", state=["queued", "failed"]) == ["Night run"]
    assert listed(name="night", created_before=job["created_at"]) == []
    assert listed(created_after=job["created_at"]) == ["Night run"]
    assert listed(name="train labeler") == ["train_labeler: a set"]


@pytest.mark.parametrize(
    ("params", "location"),
    [
        ({"created_after": "2026-01-01T00:00:00"}, "query.created_after"),
        ({"created_before": "tomorrow"}, "query.created_before"),
        ({"name": "x" * 201}, "query.name"),
        ({"kind": "bake"}, "query.kind"),
        ({"state": "tired"}, "query.state"),
        ({"tag": "run"}, "query.tag"),
        ({"tag": "a b:c"}, "query.tag"),
        ({"tag": "a:" + "x" * 257}, "query.tag"),
        ({"limit": "many"}, "query.limit"),
        ({"cursor": "nonsense"}, "query.cursor"),
    ],
)
def test_bad_list_parameters_are_named(standing_api: httpx.Client, params: dict[str, str], location: str) -> None:
    answer = standing_api.get("/v1/jobs", params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [reason["location"] for reason in answer.json()["reasons"]] == [location]


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({}, "body.kind"),
        ({"kind": "bake", "params": {}}, "body.kind"),
        ({"kind": "ingest_dataset", "params": {}}, "body.kind"),
        ({"kind": "ladd"}, "body.params"),
        ({"kind": "ladd", "params": {"dataset": "x"}}, "body.params.dataset"),
        ({"kind": "ladd", "params": {"dataset": "ds_" + "0" * 26}}, "body.params.dataset"),
        ({"kind": "train_labeler", "params": {"source_dataset": "ds_" + "0" * 26, "lr": -1}}, "body.params.lr"),
        ([], "body"),
    ],
)
def test_bad_requests_name_the_field(standing_api: httpx.Client, body: Any, location: str) -> None:
    answer = standing_api.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert location in [reason["location"] for reason in answer.json()["reasons"]]


@pytest.mark.parametrize(
    ("labeler", "location"),
    [
        ("lb_1", ""),
        ({"epochs": 0}, ".epochs"),
        ({"ensemble": ["lb_" + "0" * 26]}, ".ensemble"),
        (None, ""),
    ],
    ids=["id", "recipe", "ensemble", "none of them"],
)
def test_a_labeler_is_held_to_the_rules_of_the_form_it_has(
    standing_api: httpx.Client, labeler: Any, location: str
) -> None:
    body = {"kind": "ladd", "params": {"dataset": "ds_" + "0" * 26, "labeler": labeler}}
    reasons = standing_api.post("/v1/jobs", json=body).json()["reasons"]
    assert [reason["location"] for reason in reasons] == [f"body.params.labeler{location}"]


def test_a_set_that_is_still_checked_is_waited_for(upload: Any, api: httpx.Client) -> None:
    dataset = upload(role="source").json()["id"]
    body = {"kind": "train_labeler", "params": {"source_dataset": dataset}}
    planned = api.post("/v1/jobs", json=body | {"validate_only": True})
    assert (planned.status_code, planned.json()["tasks"], planned.json()["cost"]) == (200, [], None)
    answer = api.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["state"], answer.json()["tasks"]) == (202, "queued", [])
    assert dataset in answer.json()["waiting"]
    api.post(f"/v1/jobs/{api.get(f'/v1/datasets/{dataset}').json()['job']}/cancel")
    failed = api.get(answer.headers["Location"]).json()
    assert (failed["state"], failed["error"]["code"]) == ("failed", "rejected_input")
    refused = api.post("/v1/jobs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset_not_ready")
    assert refused.json()["reasons"][0]["location"] == "body.params.source_dataset"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_other_media_types_are_refused(standing_api: httpx.Client, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = standing_api.post("/v1/jobs", content=b'{"kind": "ladd"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_etag_saves_the_body_until_something_changes(
    submit: Callable[..., httpx.Response], api: httpx.Client, worker: Any, core: Core
) -> None:
    job = submit().json()["id"]
    first = api.get(f"/v1/jobs/{job}")
    same = api.get(f"/v1/jobs/{job}", headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["ETag"] == first.headers["ETag"]

    claimed = worker.claim(job, "train_labeler")
    tasks.record(
        core,
        claimed,
        ProgressEvent(
            event="progress", stage="train_labeler", done=5, total=20, unit="images", rate=2.5, eta_seconds=6.0
        ),
    )
    changed = api.get(f"/v1/jobs/{job}", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]
    assert changed.json()["state"] == "running"
    assert changed.json()["progress"]["done"] == 5


def test_wait_returns_when_the_job_is_final(
    submit: Callable[..., httpx.Response], api: httpx.Client, worker: Any
) -> None:
    job = submit().json()["id"]
    answers: list[httpx.Response] = []
    waiting = threading.Thread(
        target=lambda: answers.append(api.get(f"/v1/jobs/{job}", headers={"Prefer": "wait=100"}, timeout=90))
    )
    waiting.start()
    time.sleep(0.5)
    assert not answers
    worker.train_labeler(job)
    waiting.join(30)
    (answer,) = answers
    assert answer.headers["Preference-Applied"] == "wait=60"
    assert answer.json()["state"] == "succeeded"


def test_wait_ends_with_its_time(submit: Callable[..., httpx.Response], api: httpx.Client) -> None:
    answer = api.get(submit().json()["links"]["self"], headers={"Prefer": "wait=1"})
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert answer.json()["state"] == "queued"
    assert "Preference-Applied" not in api.get(answer.json()["links"]["self"]).headers


def test_cancel_is_idempotent(submit: Callable[..., httpx.Response], api: httpx.Client) -> None:
    links = submit().json()["links"]
    for _ in range(2):
        answer = api.post(links["cancel"])
        assert (answer.status_code, answer.json()["state"]) == (202, "canceled")


def test_finished_job_cannot_be_canceled(submit: Callable[..., httpx.Response], api: httpx.Client, worker: Any) -> None:
    job = submit().json()
    worker.train_labeler(job["id"])
    answer = api.post(job["links"]["cancel"])
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_cancelable")


def test_retry_is_idempotent(submit: Callable[..., httpx.Response], api: httpx.Client, worker: Any) -> None:
    job = submit(tags={"a": "b"}).json()
    worker.fail(job["id"], "train_labeler")
    first, second = (api.post(job["links"]["retry"]) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.headers["Location"] == second.headers["Location"] == first.json()["links"]["self"]
    assert first.json()["id"] != job["id"]
    assert (first.json()["params"], first.json()["tags"]) == (job["params"], {"a": "b"})
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    failed = api.get(job["links"]["self"]).json()
    assert failed["error"]["message"] == "it broke"
    assert failed["links"]["retried_as"] == first.json()["links"]["self"]


def test_a_job_is_deleted_once_nothing_needs_it(
    submit: Callable[..., httpx.Response], api: httpx.Client, worker: Any, core: Core
) -> None:
    job = submit().json()
    here = job["links"]["self"]
    answer = api.delete(here)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_finished")
    worker.fail(job["id"], "train_labeler")
    replacement = api.post(job["links"]["retry"]).json()
    answer = api.delete(here)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_in_use")
    assert replacement["id"] in answer.json()["detail"]

    worker.train_labeler(replacement["id"])
    labeler = api.get(replacement["links"]["self"]).json()["result"]["labeler"]
    for link in (replacement["links"]["self"], here):
        assert (api.delete(link).status_code, api.get(link).status_code) == (204, 404)
    assert {item["id"] for item in api.get("/v1/jobs").json()["items"]}.isdisjoint({job["id"], replacement["id"]})
    assert [*core.storage.list_keys(f"jobs/{job['id']}/"), *core.storage.list_keys(f"jobs/{replacement['id']}/")] == []
    assert api.get(f"/v1/labelers/{labeler}").status_code == 200
    assert api.delete(here).status_code == 404


def test_unfinished_job_cannot_be_retried(submit: Callable[..., httpx.Response], api: httpx.Client) -> None:
    answer = api.post(submit().json()["links"]["retry"])
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_retryable")


def test_report(submit: Callable[..., httpx.Response], api: httpx.Client, worker: Any) -> None:
    training = submit().json()
    assert api.get(f"{training['links']['self']}/report").json()["code"] == "job_not_finished"
    worker.train_labeler(training["id"])
    answer = api.get(f"{training['links']['self']}/report")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_report")

    labeler = api.get(training["links"]["self"]).json()["result"]["labeler"]
    params = {"dataset": worker.ready_set(), "labeler": labeler}
    labelling = api.post("/v1/jobs", json={"kind": "generate_labels", "params": params}).json()
    answer = api.get(f"{labelling['links']['self']}/report")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_finished")
    worker.write_labels(labelling["id"])
    link = api.get(labelling["links"]["self"]).json()["links"]["report"]
    report = api.get(link).json()
    assert (report["job"], report["kind"]) == (labelling["id"], "generate_labels")
    assert report["flops"]["labelling"] == 10**10

    for form, media_type in (("md", "text/markdown"), ("html", "text/html"), ("csv", "text/csv")):
        answer = api.get(f"{link}.{form}")
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, media_type)
    assert api.get(f"{link}.pdf").status_code == 404

    figure = report["figures"][0]
    answer = api.get(figure["png"])
    assert answer.status_code == 307
    assert httpx.get(answer.headers["Location"]).text == f"accuracy.png of report of {labelling['id']}"
    answer = api.get(figure["png"].replace("accuracy", "entropy"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", "/cancel"), ("POST", "/retry"), ("GET", "/report"), ("GET", "/events")],
)
@pytest.mark.parametrize("job", [UNKNOWN, "job_x"])
def test_unknown_jobs(standing_api: httpx.Client, method: str, path: str, job: str) -> None:
    answer = standing_api.request(method, f"/v1/jobs/{job}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
