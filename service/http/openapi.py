"""Additions to the OpenAPI document that FastAPI finds: bodies that routes read themselves, and problems."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter
from starlette.responses import JSONResponse

from api_schemas.datasets import DatasetFromUploads, DatasetMetadata
from api_schemas.labelers import LabelerFromUploads, LabelerMetadata
from api_schemas.links import link
from api_schemas.problems import Problem

PATH = "/openapi.json"
VERSION = "1.0"
DESCRIPTION = """\
Upload a distilled set and its source set, start a job, follow its events, download the label-augmented archive.

A service with API keys wants one with every request: `Authorization: Bearer <key>`.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Every answer carries `X-Request-ID`.
"""
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


def install(app: FastAPI) -> None:
    """Complete the document that FastAPI generates for `app`, and serve it with the address that it was asked at."""
    generate: Callable[[], dict[str, Any]] = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            _add_schemas(document["components"]["schemas"])
            app.openapi_schema = document
        return app.openapi_schema

    def serve() -> JSONResponse:
        address = link("")
        return JSONResponse(complete() | ({"servers": [{"url": address}]} if address else {}))

    app.openapi = complete  # type: ignore[method-assign]  # the documented way to extend it
    app.add_api_route(PATH, serve, include_in_schema=False)


def _add_schemas(schemas: dict[str, Any]) -> None:
    found, shared = TypeAdapter.json_schemas(
        [(name, "validation", adapter) for name, adapter in BODIES.items()], ref_template=SENT
    )
    sent = {name: schema for (name, _), schema in found.items()} | shared["$defs"]
    schemas |= {f"{name}-Input": schema for name, schema in sent.items()}
    problem = Problem.model_json_schema(mode="serialization", ref_template=REFERENCE)
    schemas |= problem.pop("$defs") | {"Problem": problem}
