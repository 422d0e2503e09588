"""`POST /v1/jobs` with `validate_only`: planned and priced, and nothing is stored."""

from typing import Any

import httpx
import pytest

from service.core.clients import Core


@pytest.fixture
def source(worker: Any) -> str:
    return str(worker.ready_set("source"))


def test_a_job_that_is_only_validated_is_planned_priced_and_not_stored(
    api: httpx.Client, worker: Any, core: Core, source: str
) -> None:
    dataset = worker.ready_set("distilled", source_dataset=source)
    params = {"dataset": dataset, "labeler": {"epochs": 3}}

    def stored() -> list[str]:
        keys = [str(key) for key in core.redis.keys("*")]
        kept = [key for key in keys if not key.startswith(("ladd:reaper", "ladd:lock", "ladd:swept"))]
        return sorted([*kept, *core.storage.list_keys("")])

    before = stored()
    headers = {"Idempotency-Key": "k1"}
    answer = api.post("/v1/jobs", json={"kind": "ladd", "params": params, "validate_only": True}, headers=headers)
    assert answer.status_code == 200
    assert stored() == before
    plan = answer.json()
    assert (plan["kind"], plan["params"]["labeler"]["epochs"], plan["params"]["views"]["n"]) == ("ladd", 3, 5)
    assert plan["tasks"][:2] == [
        {"name": "train_labeler", "queue": "gpu", "after": [], "work": 12, "unit": "images"},
        {"name": "generate_labels", "queue": "gpu", "after": ["train_labeler"], "work": 52, "unit": "views"},
    ]
    deployment = plan["cost"]["deployment"]
    assert deployment["basis"] == "nominal"
    assert 0 < deployment["seconds_range"][0] < deployment["seconds_range"][1]
    # The key was not used up, and the job itself is predicted to cost the same.
    job = api.post("/v1/jobs", json={"kind": "ladd", "params": params}, headers=headers)
    assert job.status_code == 202
    assert job.json()["cost"]["predicted"] == plan["cost"]
    assert [task["name"] for task in job.json()["tasks"]] == [task["name"] for task in plan["tasks"]]


def test_every_kind_can_be_validated_only(api: httpx.Client, worker: Any, source: str) -> None:
    dataset = worker.ready_set("distilled", source_dataset=source)
    for kind, params in {
        "train_labeler": {"source_dataset": source},
        "evaluate": {"dataset": dataset},
        "ladd": {"dataset": dataset},
        "sweep": {"dataset": dataset},
    }.items():
        answer = api.post("/v1/jobs", json={"kind": kind, "params": params, "validate_only": True})
        assert answer.status_code == 200, answer.text
        refused = api.post("/v1/jobs", json={"kind": kind, "params": params | {"spee": 1}, "validate_only": True})
        assert refused.status_code == 422
    gone = {"dataset": dataset, "labeler": "lb_" + "0" * 26}
    refused = api.post("/v1/jobs", json={"kind": "generate_labels", "params": gone, "validate_only": True})
    assert [why["rule"] for why in refused.json()["reasons"]] == ["not_found"]
    assert api.get("/v1/jobs", params={"kind": "ladd"}).json()["items"] == []
