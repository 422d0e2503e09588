"""Every operation of the OpenAPI document, asked what its schema allows and what not: the answers are as documented.

No server error, and no status, media type, header or body that the document does not have.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.core.foundation.settings import Settings
from service.http.app import create_app

SCHEMA = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
OPERATIONS = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok)}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ENDLESS = "GET /v1/jobs/{job_id}/events"
"""Of a job that is not at its end it never ends: asked for ids that name nothing only."""
DEADLY = ("DELETE /v1/datasets/{dataset_id}", "DELETE /v1/webhooks/{webhook_id}")
FEW, MANY = 4, 100


@pytest.fixture(scope="module")
def known(standing_api: httpx.Client) -> Mapping[str, Any]:
    """Path parameters that name something. Another test may just have emptied Redis: the reaper's sign comes again."""
    deadline = time.monotonic() + 30
    while standing_api.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    form: dict[str, Any] = {"metadata": (None, json.dumps({"name": "a set", "role": "source"})), "files": ("a", b"1")}
    dataset = standing_api.post("/v1/datasets", files=form).json()
    preset = standing_api.get("/v1/presets").json()["items"][0]["name"]
    job = dataset["links"]["job"].rpartition("/")[2]
    # Nobody listens there.
    hook = standing_api.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/", "events": ["job.*"]}).json()
    message = standing_api.post(f"{hook['links']['self']}/test").json()
    named = {"dataset_id": dataset["id"], "job_id": job, "webhook_id": hook["id"], "message_id": message["id"]}
    return {**named, "index": 0, "form": "md", "name": preset}


def ask(api: httpx.Client, label: str, known: Mapping[str, Any], data: st.DataObject) -> None:
    operation = OPERATIONS[label]
    mode = data.draw(st.sampled_from(GenerationMode))
    case = data.draw(operation.as_strategy(generation_mode=mode))
    if label not in (ENDLESS, *DEADLY) and data.draw(st.booleans()):
        case.path_parameters = {name: known.get(name, value) for name, value in (case.path_parameters or {}).items()}
    with requests.Session() as session:
        session.trust_env = False
        case.call_and_validate(str(api.base_url).rstrip("/"), session, checks=CHECKS, timeout=30, allow_redirects=False)


@pytest.mark.parametrize("label", OPERATIONS)
def test_a_few_questions(standing_api: httpx.Client, known: Mapping[str, Any], label: str) -> None:
    asked(standing_api, label, known, FEW)


@pytest.mark.chaos
@pytest.mark.parametrize("label", OPERATIONS)
def test_many_questions(standing_api: httpx.Client, known: Mapping[str, Any], label: str) -> None:
    asked(standing_api, label, known, MANY)


def asked(api: httpx.Client, label: str, known: Mapping[str, Any], times: int) -> None:
    """Ask an operation so many times, always the same questions."""

    @settings(
        max_examples=times, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(data=st.data())
    def examples(data: st.DataObject) -> None:
        ask(api, label, known, data)

    examples()
