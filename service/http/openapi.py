"""Additions to the OpenAPI document that FastAPI finds: bodies that routes read themselves, and problems."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.responses import JSONResponse

from api_schemas.datasets import DatasetFromUploads, DatasetMetadata
from api_schemas.labelers import LabelerFromUploads, LabelerMetadata
from api_schemas.links import link
from api_schemas.problems import Problem
from service.http.examples import add_examples
from service.http.security_headers import PRIVATE

PATH = "/openapi.json"
VERSION = "1.0"
DESCRIPTION = """\
Upload a distilled set and its source set, start a job, follow its events, download the label-augmented archive.

A service with API keys wants one with every request: `Authorization: Bearer <key>`.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Every answer carries `X-Request-ID`.
"""
PARAMETERS = {
    "webhook_id": "Which webhook.",
    "message_id": "Which message.",
    "sha256": "Digest of the file, as its row names it.",
    "epoch": "Which checkpoint, an epoch that is kept.",
    "dataset_id": "Id of a set.",
    "labeler_id": "Id of a labeler.",
    "job_id": "Id of a job.",
    "upload_id": "Id of an upload in parts.",
    "name": "Name, as the list beside it shows it.",
    "form": "How the report is laid out.",
    "kind": "Only jobs of this kind.",
    "role": "Only sets of this role.",
    "state": "Only what is in this state.",
    "format": "One of the formats that the job was asked to write.",
    "after": "Only what comes after this.",
    "if-none-match": "`ETag` of the state that is known: 304 while it is still that one.",
}
"""What parameters mean that several routes have, or whose type says the rest."""
HEADERS = {
    "X-Request-ID": "Id of the request, which log lines carry: as sent, or a new one.",
    "RateLimit": 'What is left of each quota: `"name";r=` how much, `;t=` seconds until there is more.',
    "RateLimit-Policy": 'The quotas: `"name";q=` the limit, `;w=` seconds that it counts within.',
    "Retry-After": "Seconds to wait before trying again.",
    "Idempotent-Replayed": "`true` where an earlier request with the `Idempotency-Key` has made this.",
}
REFERENCE = "#/components/schemas/{model}"
SENT = "#/components/schemas/{model}-Input"
"""Models as sent, where defaults may be left out; as shown, with all of them, they have their plain names."""
BODIES: dict[str, TypeAdapter[Any]] = {
    "DatasetMetadata": TypeAdapter(DatasetMetadata),
    "DatasetFromUploads": TypeAdapter(DatasetFromUploads),
    "LabelerMetadata": TypeAdapter(LabelerMetadata),
    "LabelerFromUploads": TypeAdapter(LabelerFromUploads),
}


def form_or_json(metadata: str, from_uploads: str, files_required: bool = True) -> dict[str, Any]:
    """Return the `requestBody` of a route that takes files, which FastAPI cannot see: the route reads the stream.

    A form with a part `metadata`, or JSON that names files which were sent in parts; both by their name in `BODIES`.
    """
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["metadata"] + ["files"] * files_required,
                    "properties": {
                        "metadata": {"$ref": SENT.format(model=metadata)},
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                        },
                    },
                },
                "encoding": {"metadata": {"contentType": "application/json"}},
            },
            "application/json": {"schema": {"$ref": SENT.format(model=from_uploads)}},
        },
    }


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation in generated clients: the resource, then what is done to it, as `jobs_create`.

    It is the name of the route's function, whose own word for the resource is left out. (Pages are no operations.)
    """
    resource = str(route.tags[0]) if route.tags else "pages"
    return "_".join([resource, *(word for word in route.name.split("_") if word not in (resource, resource[:-1]))])


def install(app: FastAPI) -> None:
    """Complete the document that FastAPI generates for `app`, and serve it with the address that it was asked at."""
    generate: Callable[[], dict[str, Any]] = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            _add_schemas(document["components"]["schemas"])
            _describe_parameters(document)
            _describe_headers(document)
            add_examples(document)
            app.openapi_schema = document
        return app.openapi_schema

    def serve() -> JSONResponse:
        address = link("")
        return JSONResponse(complete() | ({"servers": [{"url": address}]} if address else {}))

    app.openapi = complete  # type: ignore[method-assign]  # the documented way to extend it
    app.add_api_route(PATH, serve, include_in_schema=False)


def _describe_parameters(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] in PARAMETERS:
                    parameter.setdefault("description", PARAMETERS[parameter["name"]])


def _describe_headers(document: dict[str, Any]) -> None:
    """Name the headers that middleware gives to answers, and those of every answer of a status."""
    document["components"]["headers"] = {
        name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in HEADERS.items()
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                named = ["X-Request-ID"]
                if path.startswith(PRIVATE) and status not in ("401", "403"):
                    named += ["RateLimit", "RateLimit-Policy"]
                if status in ("429", "503"):
                    named.append("Retry-After")
                if method == "post" and status in ("201", "202"):
                    named.append("Idempotent-Replayed")
                headers = response.setdefault("headers", {})
                for name in named:
                    headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def _add_schemas(schemas: dict[str, Any]) -> None:
    found, shared = TypeAdapter.json_schemas(
        [(name, "validation", adapter) for name, adapter in BODIES.items()], ref_template=SENT
    )
    sent = {name: schema for (name, _), schema in found.items()} | shared["$defs"]
    schemas |= {f"{name}-Input": schema for name, schema in sent.items()}
    problem = Problem.model_json_schema(mode="serialization", ref_template=REFERENCE)
    schemas |= problem.pop("$defs") | {"Problem": problem}
