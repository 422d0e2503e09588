from typing import Any

import httpx
import pytest


def test_trained_labelers_are_listed_and_shown(api: httpx.Client, worker: Any) -> None:
    assert api.get("/v1/labelers").json() == {"items": [], "next_cursor": None}
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


@pytest.mark.parametrize("labeler", ["lb_" + "0" * 26, "lb_x"])
def test_unknown_labelers(standing_api: httpx.Client, labeler: str) -> None:
    answer = standing_api.get(f"/v1/labelers/{labeler}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_malformed_cursor_is_named(standing_api: httpx.Client) -> None:
    answer = standing_api.get("/v1/labelers", params={"cursor": "nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [reason["location"] for reason in answer.json()["reasons"]] == ["query.cursor"]
