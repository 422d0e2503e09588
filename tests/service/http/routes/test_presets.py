"""`/v1/presets`."""

from typing import Any

import httpx


def test_presets_are_listed_with_what_the_paper_reports(standing_api: httpx.Client) -> None:
    listed = {item["name"]: item for item in standing_api.get("/v1/presets").json()["items"]}
    # Which there are is tested with what they are.
    assert {"quick", "paper-table1", "paper-fig5"} <= set(listed)
    numbers = {(row["method"], row["k"], *row["architectures"][:1]): row for row in listed["paper-table2"]["paper"]}
    vit = numbers["AST", 1, "ViT"]
    assert (vit["arms"], vit["stds"], vit["source"]) == (
        {"baseline": 31.0, "ladd": 32.6},
        {"baseline": 1.3, "ladd": 2.2},
        "Table 2",
    )
    assert numbers["MTT", 5, "ConvNetD5"]["remarks"] == ["52.1 ± 1.0 by its rows"]
    assert listed["paper-table2"]["sets"] == {"class_maps": ["imagenette"], "resolution": 128, "ipc": [10]}
    assert (listed["quick"]["sets"], listed["quick"]["paper"], listed["quick"]["claims"]) == (None, [], [])
    assert [claim["value"] for claim in listed["paper-fig2"]["claims"]] == [0.002, 211]


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
    assert (len(evaluation["arms"]), evaluation["trials"]) == (9, 2)


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
