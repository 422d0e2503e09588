"""A job kind that is registered from outside is taken by `POST /v1/jobs`, planned, run and shown as the others are.

It is all that an installed package would bring: a model of the request and one `Kind`.
"""

from collections.abc import Iterator
from typing import Any, Literal

import httpx
import pytest

from api_schemas.base import DatasetId, Request
from api_schemas.cost import CostName
from api_schemas.datasets import DatasetRole
from api_schemas.jobs import Start
from api_schemas.runner import TaskType
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.foundation.settings import Settings
from service.core.kinds import KINDS, register
from service.core.kinds.kind import Kind
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Plan, Ref, TaskPlan
from service.http.app import create_app


class ToyParams(Request):
    dataset: DatasetId
    source_dataset: DatasetId
    seed: int = 0


class ToyRequest(Start[Literal["toy"], ToyParams]):
    """`kind: toy`."""


def plan(core: Core, params: ToyParams) -> Plan:
    errors = ValidationErrors(core.catalogue)
    dataset = errors.dataset("dataset", params.dataset, DatasetRole.DISTILLED)
    errors.raise_if_any()
    assert dataset is not None
    picking = TaskPlan(
        name="pick",
        type=TaskType.RANDOM_SET,
        queue="cpu",
        params={"seed": params.seed},
        inputs={
            "dataset": Ref("dataset", params.dataset, ["labels.npy"]),
            "source": Ref("dataset", params.source_dataset, ["train_images.npy", "train_labels.npy"]),
        },
        work=dataset.measured.num_images,
        unit="images",
        makes=new_id("ds"),
    )
    return Plan(params.model_dump(mode="json"), [picking], [params.dataset, params.source_dataset])


@pytest.fixture
def toy_api(settings: Settings, serve: Any) -> Iterator[httpx.Client]:
    """A client of a front that knows the kind."""
    register(Kind("toy", plan, ToyRequest, [CostName.LABELLING]))
    try:
        with serve(create_app(settings)) as client:
            yield client
    finally:
        del KINDS["toy"]


def test_a_registered_kind_is_submitted_and_run(toy_api: httpx.Client, worker: Any) -> None:
    source = worker.ready_set("source")
    dataset = worker.ready_set("distilled", source_dataset=source)
    params = {"dataset": dataset, "source_dataset": source}
    answer = toy_api.post("/v1/jobs", json={"kind": "toy", "params": params, "tags": {"a": "b"}})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["params"]) == ("toy", params | {"seed": 0})
    assert job["cost"]["predicted"]["labelling"] == {
        "flops": 0,
        "bytes": 0,
        "seconds": 0.0,
        "seconds_range": None,
        "basis": None,
    }

    stats = toy_api.get(f"/v1/datasets/{dataset}").json()["stats"]
    worker.finish(job["id"], "pick", {"stats": stats}, "images.npy", "labels.npy")
    ended = toy_api.get(f"/v1/jobs/{job['id']}").json()
    assert (ended["state"], ended["result"], ended["error"]) == ("succeeded", None, None)
    [listed] = toy_api.get("/v1/jobs", params={"kind": "toy"}).json()["items"]
    assert listed["id"] == job["id"]
    made = [each for each in toy_api.get("/v1/datasets").json()["items"] if each["links"]["job"].endswith(job["id"])]
    assert [each["state"] for each in made] == ["ready"]


def test_its_params_are_checked_as_those_of_other_kinds_are(toy_api: httpx.Client, api: httpx.Client) -> None:
    answer = toy_api.post("/v1/jobs", json={"kind": "toy", "params": {"dataset": "ds_x", "more": 1}})
    assert answer.status_code == 422
    assert {reason["location"] for reason in answer.json()["reasons"]} >= {"body.params.dataset", "body.params.more"}


def test_a_front_made_without_it_refuses_it(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", json={"kind": "toy", "params": {}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
