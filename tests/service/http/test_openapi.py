"""The OpenAPI document: valid, current, and true of every refusal."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from api_schemas.problems import ErrorCode
from service.core.foundation.settings import Settings
from service.http.app import create_app
from service.http.problems import MEDIA_TYPE, STATUS

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


def test_committed_document_is_current() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "service.openapi"], check=True, capture_output=True, text=True
    ).stdout
    assert COMMITTED.read_text(encoding="utf-8") == printed, "run: python -m service.openapi > docs/openapi.json"


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400 and operation["operationId"] != "readyz":
                assert list(response["content"]) == [MEDIA_TYPE], (operation["operationId"], status)


def test_every_code_a_request_can_end_with_is_documented(document: dict[str, Any]) -> None:
    documented = {
        code
        for code in STATUS
        for operation in operations(document)
        for response in operation["responses"].values()
        if f"`{code}`" in response["description"]
    }
    # The framework answers these two before any route is found.
    assert documented == set(STATUS) - {ErrorCode.METHOD_NOT_ALLOWED}


def test_metadata_may_leave_out_what_has_a_default(document: dict[str, Any]) -> None:
    form = document["paths"]["/v1/datasets"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    name = form["properties"]["metadata"]["$ref"].removeprefix("#/components/schemas/")
    assert document["components"]["schemas"][name]["required"] == ["name", "role"]


def test_operation_ids_are_those_of_the_code(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert {"create_dataset", "create_job", "get_events"} <= set(ids)
