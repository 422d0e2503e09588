"""`/v1/labelers`."""

import json
from typing import Any

import httpx
import pytest


def test_trained_labelers_are_listed_and_shown(api: httpx.Client, worker: Any) -> None:
    nothing: dict[str, object] = {"items": [], "next_cursor": None, "links": {"next": None}, "complete": True}
    assert api.get("/v1/labelers").json() == nothing
    source = worker.ready_set("source")
    labelers = []
    for seed in (0, 1):
        params = {"source_dataset": source, "seed": seed}
        job = api.post("/v1/jobs", json={"kind": "train_labeler", "params": params}).json()
        worker.train_labeler(job["id"])
        labelers.append(api.get(job["links"]["self"]).json()["result"]["labeler"])

    page = api.get("/v1/labelers").json()
    assert {item["id"] for item in page["items"]} == set(labelers)
    shown = api.get(f"/v1/labelers/{labelers[0]}").json()
    assert shown in page["items"]
    assert shown["source_dataset"] == source
    assert shown["epochs"][0]["checkpoint"] == "epoch_010.safetensors"
    first = api.get("/v1/labelers", params={"limit": 1}).json()
    rest = api.get("/v1/labelers", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert first["items"] + rest["items"] == page["items"]


def test_a_labeler_is_deleted_once_no_unfinished_job_uses_it(api: httpx.Client, worker: Any) -> None:
    training = {"kind": "train_labeler", "params": {"source_dataset": worker.ready_set("source")}}
    job = api.post("/v1/jobs", json=training).json()
    worker.train_labeler(job["id"])
    here = f"/v1/labelers/{api.get(job['links']['self']).json()['result']['labeler']}"
    params = {"dataset": worker.ready_set(), "labeler": here.rpartition("/")[2]}
    labelling = api.post("/v1/jobs", json={"kind": "generate_labels", "params": params}).json()
    answer = api.delete(here)
    assert (answer.status_code, answer.json()["code"]) == (409, "labeler_in_use")
    assert labelling["id"] in answer.json()["detail"]

    worker.write_labels(labelling["id"])
    archive = api.get(labelling["links"]["self"]).json()["result"]["dataset"]
    assert api.delete(here).status_code == 204
    assert [api.get(here).status_code, api.delete(here).status_code] == [404, 404]
    assert api.get("/v1/labelers").json()["items"] == []
    assert api.get(f"/v1/datasets/{archive}/archive").status_code == 307
    # Trained again it has its id again; a job that only used it cannot be started.
    again = api.post("/v1/jobs", json={"kind": "generate_labels", "params": params})
    assert (again.status_code, again.json()["reasons"][0]["location"]) == (422, "body.params.labeler")
    worker.train_labeler(api.post("/v1/jobs", json=training).json()["id"])
    assert api.get(here).status_code == 200


def test_a_labeler_is_imported(api: httpx.Client, worker: Any) -> None:
    source = worker.ready_set("source")
    metadata = {"kind": "weights", "name": "mine", "source_dataset": source, "architecture": "ConvNetD3"}
    answer = sent(api, metadata, b"weights")
    assert answer.status_code == 202
    job = answer.json()
    assert (job["kind"], answer.headers["Location"]) == ("import_labeler", job["links"]["self"])
    numbers = {"train_loss": None, "train_accuracy": None, "val_accuracy": 70.0, "mean_entropy": 0.7, "seconds": 1.0}
    row = {"epoch": 1, **numbers, "checkpoint": "epoch_001.safetensors"}
    result = {"epochs": [row], "forward_flops": 10**6, "class_map": [1, 0], "warnings": ["it looks swapped"]}
    worker.finish(job["id"], "import_labeler", result, "epoch_001.safetensors")

    labeler = api.get(job["links"]["self"]).json()["result"]["labeler"]
    shown = api.get(f"/v1/labelers/{labeler}").json()
    assert shown["metadata"] == {**metadata, "tags": {}, "normalization": None, "class_map": [1, 0]}
    assert (shown["recipe"], shown["flops"], shown["warnings"]) == (None, None, ["it looks swapped"])
    assert [file["bytes"] for file in shown["files"]] == [7]


@pytest.mark.parametrize(
    ("changed", "location"),
    [
        ({"kind": "pickle"}, "body.metadata.kind"),
        ({"architecture": "LeNet"}, "body.metadata.architecture"),
        ({"source_dataset": "ds_" + "0" * 26}, "body.metadata.source_dataset"),
    ],
)
def test_a_refused_import_names_the_field(api: httpx.Client, changed: dict[str, str], location: str) -> None:
    metadata = {"kind": "weights", "name": "mine", "source_dataset": "ds_" + "1" * 26, "architecture": "ConvNetD3"}
    answer = sent(api, metadata | changed, b"weights")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [reason["location"] for reason in answer.json()["reasons"]] == [location]


def sent(api: httpx.Client, metadata: dict[str, Any], *files: bytes) -> httpx.Response:
    parts: list[tuple[str, Any]] = [("metadata", (None, json.dumps(metadata), "application/json"))]
    parts += [("files", (f"{number}.pt", content)) for number, content in enumerate(files)]
    return api.post("/v1/labelers", files=parts)


@pytest.mark.parametrize("labeler", ["lb_" + "0" * 26, "lb_x"])
def test_unknown_labelers(standing_api: httpx.Client, labeler: str) -> None:
    answer = standing_api.get(f"/v1/labelers/{labeler}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_malformed_cursor_is_named(standing_api: httpx.Client) -> None:
    answer = standing_api.get("/v1/labelers", params={"cursor": "nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [reason["location"] for reason in answer.json()["reasons"]] == ["query.cursor"]
