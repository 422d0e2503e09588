"""An endpoint is a route, a function of the core and a method of the client: a toy of each works as the others do."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from ladd_client.api import LaddClient
from ladd_client.errors import ProblemError

from api_schemas.base import DatasetId, Response
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.core.resources.datasets import manifest_of
from service.http.app import create_app
from service.http.dependencies import CoreDep
from service.http.problems import responses
from service.http.routes import datasets


class Census(Response):
    images: int


def census(core: Core, dataset_id: str) -> Census:
    """The part of `service/core/resources/datasets.py`."""
    return Census(images=manifest_of(core, dataset_id).measured.num_images)


def get_census(dataset_id: DatasetId, core: CoreDep) -> Census:
    """Count the images of a set: the part of `service/http/routes/datasets.py`."""
    return census(core, dataset_id)


class ToyClient(LaddClient):
    def census(self, dataset_id: str) -> Census:
        """The part of `client/ladd_client/api.py`."""
        return self._get(Census, f"/v1/datasets/{dataset_id}/census")


@pytest.fixture
def toy_api(settings: Settings, serve: Any) -> Iterator[httpx.Client]:
    """A client of a front that has the route."""
    routes = list(datasets.router.routes)
    datasets.router.get("/{dataset_id}/census", responses=responses(ErrorCode.NOT_FOUND))(get_census)
    try:
        with serve(create_app(settings)) as client:
            yield client
    finally:
        datasets.router.routes[:] = routes


@pytest.fixture
def toy_client(toy_api: httpx.Client) -> Iterator[ToyClient]:
    with ToyClient(str(toy_api.base_url)) as opened:
        yield opened


def test_it_answers_the_client(toy_client: ToyClient, worker: Any) -> None:
    assert toy_client.census(worker.ready_set()) == Census(images=2)


def test_it_refuses_as_the_others_do(toy_client: ToyClient) -> None:
    with pytest.raises(ProblemError) as caught:
        toy_client.census("ds_0000000000000000")
    assert caught.value.problem.code is ErrorCode.NOT_FOUND


def test_it_is_in_the_document_with_its_refusals_and_asks_for_the_key(toy_api: httpx.Client) -> None:
    document = toy_api.get("/openapi.json").json()
    operation = document["paths"]["/v1/datasets/{dataset_id}/census"]["get"]
    assert operation["operationId"] == "datasets_get_census"
    assert operation["security"] == [{"api_key": []}]
    assert {"200", "401", "403", "404"} <= set(operation["responses"])
    assert set(operation["responses"]["404"]["content"]) == {"application/problem+json"}


def test_a_front_made_without_it_has_no_such_route(api: httpx.Client) -> None:
    assert api.get("/v1/datasets/ds_0000000000000000/census").status_code == 404
    assert "/v1/datasets/{dataset_id}/census" not in api.get("/openapi.json").json()["paths"]
