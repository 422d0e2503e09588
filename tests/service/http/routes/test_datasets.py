"""`/v1/datasets`."""

import json
from typing import Any

import httpx
import pytest

from service.core.clients import Core

UNKNOWN = "ds_" + "0" * 26


def test_upload_is_accepted_with_a_place_to_look(upload: Any, api: httpx.Client) -> None:
    answer = upload({"images.pt": b"12345", "labels.pt": b""}, name="  My set ", learned_lr=0.5)
    assert answer.status_code == 202
    dataset = answer.json()
    assert answer.headers["Location"] == dataset["links"]["self"] == f"/v1/datasets/{dataset['id']}"
    assert int(answer.headers["Retry-After"]) > 0
    assert (dataset["state"], dataset["name"], dataset["stats"]) == ("validating", "My set", None)
    assert dataset["metadata"]["learned_lr"] == 0.5
    assert dataset["files"] == [
        {
            "name": "images.pt",
            "bytes": 5,
            "sha256": "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5",
        },
        {"name": "labels.pt", "bytes": 0, "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    ]
    assert api.get(dataset["links"]["self"]).json() == dataset
    assert api.get(dataset["links"]["job"]).json()["kind"] == "ingest_dataset"


def test_list_is_filtered_and_paged(worker: Any, upload: Any, api: httpx.Client) -> None:
    source = worker.ready_set("source")
    sets = [upload().json()["id"] for _ in range(3)]
    first = api.get("/v1/datasets", params={"role": "distilled", "limit": 2}).json()
    assert [item["id"] for item in first["items"]] == sets[:0:-1]
    rest = api.get("/v1/datasets", params={"role": "distilled", "limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in rest["items"]] == sets[:1]
    assert rest["next_cursor"] is None
    ready = api.get("/v1/datasets", params={"state": "ready"}).json()
    assert [item["id"] for item in ready["items"]] == [source]


def test_delete(worker: Any, api: httpx.Client) -> None:
    dataset = worker.ready_set()
    answer = api.delete(f"/v1/datasets/{dataset}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(f"/v1/datasets/{dataset}").status_code == 404
    assert api.delete(f"/v1/datasets/{dataset}").json()["code"] == "not_found"


def test_set_in_use_stays(upload: Any, api: httpx.Client) -> None:
    dataset = upload().json()
    answer = api.delete(dataset["links"]["self"])
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_in_use")
    assert api.get(dataset["links"]["self"]).status_code == 200


@pytest.fixture
def labelling(worker: Any, api: httpx.Client) -> Any:
    """A finished job that wrote dense labels, an archive, and the archive as parquet."""
    source, distilled = worker.ready_set("source"), worker.ready_set()
    training = api.post("/v1/jobs", json={"kind": "train_labeler", "params": {"source_dataset": source}}).json()
    worker.train_labeler(training["id"])
    labeler = api.get(f"/v1/jobs/{training['id']}").json()["result"]["labeler"]
    params = {"dataset": distilled, "labeler": labeler, "formats": ["parquet"]}
    job = api.post("/v1/jobs", json={"kind": "generate_labels", "params": params}).json()
    worker.write_labels(job["id"], "archive.parquet")
    return api.get(f"/v1/jobs/{job['id']}").json()


def test_archive_redirects_to_a_download_that_resumes(labelling: Any, api: httpx.Client) -> None:
    link = api.get(f"/v1/datasets/{labelling['result']['dataset']}").json()["links"]["archive"]
    redirect = api.get(link)
    assert redirect.status_code == 307
    assert redirect.headers["Cache-Control"] == "no-store"
    content = f"archive.zip of generate_labels of {labelling['id']}".encode()
    assert httpx.get(redirect.headers["Location"], trust_env=False).content == content
    rest = httpx.get(redirect.headers["Location"], headers={"Range": "bytes=8-"}, trust_env=False)
    assert (rest.status_code, rest.content) == (206, content[8:])


def test_the_archive_in_another_format(labelling: Any, api: httpx.Client) -> None:
    link = f"/v1/datasets/{labelling['result']['dataset']}/archive"
    location = api.get(link, params={"format": "parquet"}).headers["Location"]
    content = f"archive.parquet of generate_labels of {labelling['id']}".encode()
    answer = httpx.get(location, trust_env=False)
    assert answer.content == content
    assert ".parquet" in answer.headers["Content-Disposition"]
    missing = api.get(link, params={"format": "webdataset"})
    assert (missing.status_code, missing.json()["code"]) == (404, "no_archive")
    (reason,) = missing.json()["reasons"]
    assert (reason["location"], reason["rule"], reason["value"]) == ("query.format", "format_was_written", "webdataset")
    assert "as zip, parquet, not as webdataset" in reason["message"]
    unknown = api.get(link, params={"format": "rar"})
    assert (unknown.status_code, unknown.json()["reasons"][0]["location"]) == (422, "query.format")


def test_plain_set_has_no_archive(upload: Any, api: httpx.Client) -> None:
    dataset = upload().json()
    assert dataset["links"]["archive"] is None
    answer = api.get(f"{dataset['links']['self']}/archive")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_archive")


@pytest.mark.parametrize("route", [f"/v1/datasets/{UNKNOWN}", f"/v1/datasets/{UNKNOWN}/archive", "/v1/datasets/x"])
def test_unknown_sets(standing_api: httpx.Client, route: str) -> None:
    answer = standing_api.get(route)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("params", "location"),
    [
        ({"limit": 0}, "query.limit"),
        ({"limit": 101}, "query.limit"),
        ({"role": "teacher"}, "query.role"),
        ({"state": "new"}, "query.state"),
        ({"cursor": "x" * 201}, "query.cursor"),
        ({"cursor": "nonsense"}, "query.cursor"),
    ],
)
def test_bad_list_parameters_are_named(standing_api: httpx.Client, params: dict[str, str], location: str) -> None:
    answer = standing_api.get("/v1/datasets", params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [reason["location"] for reason in answer.json()["reasons"]] == [location]


def test_sets_of_unknown_sources_are_refused_and_removed(upload: Any, core: Core) -> None:
    answer = upload(source_dataset=UNKNOWN)
    assert answer.status_code == 422
    assert answer.json()["reasons"][0]["location"] == "body.metadata.source_dataset"
    assert core.storage.list_keys("") == []


def test_metadata_is_shown_with_its_defaults(upload: Any) -> None:
    shown = upload().json()["metadata"]
    assert json.loads(json.dumps(shown)) == {
        "name": "a set",
        "role": "distilled",
        "tags": {},
        "format": "auto",
        "normalization": "auto",
        "class_map": "auto",
        "source_dataset": None,
        "soft_labels": "auto",
        "factor": None,
        "learned_lr": None,
        "distillation_flops": None,
        "resolution": None,
        "resize": "center_crop",
        "experiment": None,
    }
