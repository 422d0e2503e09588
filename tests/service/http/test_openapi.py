"""The OpenAPI document: valid, current, and true of every refusal."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import validate
from pydantic import TypeAdapter

from api_schemas.problems import ErrorCode
from api_schemas.uploads import UploadRequest
from service.core.foundation.settings import Settings
from service.core.kinds import AnyJobRequest
from service.http.app import create_app
from service.http.example_values import PROBLEMS, REQUESTS
from service.http.openapi import BODIES
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
            if int(status) >= 400 and operation["operationId"] != "health_readyz":
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


def test_operation_ids_name_the_resource_and_what_is_done(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert {"jobs_create", "jobs_list", "datasets_get", "labelers_import", "jobs_get_events"} <= set(ids)
    for operation in operations(document):
        assert operation["operationId"].startswith(f"{operation['tags'][0]}_")


def test_every_operation_and_parameter_is_described(document: dict[str, Any]) -> None:
    for operation in operations(document):
        assert operation["description"], operation["operationId"]
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (operation["operationId"], parameter["name"])


def contents(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every content that is sent or answered: where, its media type, the content."""
    for operation in operations(document):
        name = operation["operationId"]
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} body", media_type, content
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                yield f"{name} {status}", media_type, content


def told(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    named = content.get("examples", {})
    if not named:
        return [content["example"]] if "example" in content else []
    found = document["components"]["examples"]
    return [found[each["$ref"].rpartition("/")[2]]["value"] for each in named.values()]


def test_every_body_answer_and_problem_has_an_example(document: dict[str, Any]) -> None:
    lack = [
        (place, media_type)
        for place, media_type, content in contents(document)
        if media_type != "image/png" and place != "health_readyz 503" and not told(document, content)
    ]
    assert lack == []


def test_every_example_is_what_its_schema_allows(document: dict[str, Any]) -> None:
    for place, media_type, content in contents(document):
        if "schema" in content:
            schema = content["schema"] | {"components": document["components"]}
            for example in told(document, content):
                wrong = [error.message for error in Draft202012Validator(schema).iter_errors(example)]
                assert wrong == [], (place, media_type)


def test_bodies_in_examples_are_what_the_models_take() -> None:
    models = {f"{name}-Input": each for name, each in BODIES.items()}
    for name, adapter in (models | {"UploadRequest": TypeAdapter(UploadRequest)}).items():
        adapter.validate_python(REQUESTS[name])
    kinds = [example for example in REQUESTS.values() if "params" in example]
    assert len(kinds) == 7
    for example in kinds:
        TypeAdapter(AnyJobRequest).validate_python(example)


def test_the_example_of_a_problem_is_of_that_problem(document: dict[str, Any]) -> None:
    assert set(PROBLEMS) == set(STATUS), "service/http/example_values.py has one for every code"
    for code, status in STATUS.items():
        example = document["components"]["examples"][code]["value"]
        assert (example["code"], example["status"]) == (code, status)
        assert example["detail"].endswith((".", "again.")) or code is ErrorCode.METHOD_NOT_ALLOWED


def test_every_answer_names_its_headers(document: dict[str, Any]) -> None:
    answers = document["paths"]["/v1/jobs"]["post"]["responses"]
    named = {"RateLimit", "RateLimit-Policy", "X-Request-ID", "Location", "Retry-After", "Idempotent-Replayed"}
    assert named <= set(answers["202"]["headers"])
    assert "Retry-After" in answers["429"]["headers"]
