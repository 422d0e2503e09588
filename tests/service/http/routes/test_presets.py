"""`/v1/presets`."""

from typing import Any

import httpx


def test_presets_are_listed_with_what_the_paper_reports(standing_api: httpx.Client) -> None:
    listed = {item["name"]: item for item in standing_api.get("/v1/presets").json()["items"]}
    assert {
        "quick",
        "paper-table1",
        "paper-table2",
        "paper-table4",
        "paper-table6",
        "paper-fig2",
        "paper-fig3",
        "paper-fig5",
    } == set(listed)
    [row] = listed["paper-table6"]["paper"]
    assert (row["method"], row["arms"]["sub_soft"]) == ("GLaD-MTT", 51.1)
    gains = {row["method"]: row["arms"]["ladd"] - row["arms"]["baseline"] for row in listed["paper-table2"]["paper"]}
    assert round(gains["AST"], 1) == 6.1


def test_a_preset_is_a_body_of_a_job(api: httpx.Client, worker: Any) -> None:
    source = worker.ready_set("source")
    distilled = worker.ready_set(source_dataset=source)
    body = api.get("/v1/presets/paper-table6", params={"dataset": distilled, "method": "GLaD-MTT"}).json()
    assert body["tags"] == {"preset": "paper-table6", "paper": "GLaD-MTT"}
    body["params"]["evaluation"]["trials"] = 2
    job = api.post("/v1/jobs", json=body)
    assert job.status_code == 202
    assert (job.json()["kind"], job.json()["tags"]) == ("ladd", body["tags"])
    evaluation = job.json()["params"]["evaluation"]
    assert (len(evaluation["arms"]), evaluation["trials"]) == (7, 2)


def test_refusals(standing_api: httpx.Client) -> None:
    nobody = "ds_" + "0" * 26
    answer = standing_api.get("/v1/presets/paper-table9", params={"dataset": nobody})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for query, location in (
        ({}, "query.dataset"),
        ({"dataset": nobody}, "query.dataset"),
        ({"dataset": nobody, "method": "GLaD"}, "query.method"),
    ):
        answer = standing_api.get("/v1/presets/paper-table1", params=query)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert [reason["location"] for reason in answer.json()["reasons"]] == [location]
