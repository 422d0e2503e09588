"""The OpenAPI document; `python -m service.http.openapi` prints it."""

import json
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter

from api_schemas.datasets import DatasetMetadata
from api_schemas.labelers import LabelerMetadata
from api_schemas.problems import ErrorCode
from api_schemas.uploads import UploadIds
from service.http.access import is_public
from service.http.problems import MEDIA_TYPE

VERSION = "1.0"
DESCRIPTION = """\
Upload a distilled set and its source set, start a job, follow its events, download the label-augmented archive.

A service with API keys wants one with every request: `Authorization: Bearer <key>`.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Every answer carries `X-Request-ID`.
"""
UPLOAD_IDS = TypeAdapter(UploadIds).json_schema()
REFERENCE = "#/components/schemas/{model}"
DATASET_METADATA = "DatasetMetadata-Input"
LABELER_METADATA = "LabelerMetadata-Input"
WITH_UPLOADS = "-Uploads"
"""What the name of a schema ends with that has `upload_ids` beside the fields of the metadata."""
SENT: dict[str, TypeAdapter[Any]] = {
    DATASET_METADATA: TypeAdapter(DatasetMetadata),
    LABELER_METADATA: TypeAdapter(LabelerMetadata),
}
"""The `metadata` parts, by the name of their schema."""


def install(app: FastAPI) -> None:
    """Complete the document that FastAPI generates for `app`."""
    generate = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            _add_metadata_schema(document)
            _describe_problems(document)
            _describe_access(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]  # the documented way to extend it


def upload_body(metadata: str, files_required: bool = True) -> dict[str, Any]:
    """Return the `requestBody` of an upload, which FastAPI cannot see: the route reads the stream itself.

    A form, or JSON that names files which were sent in parts.
    """
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["metadata"] + ["files"] * files_required,
                    "properties": {
                        "metadata": _reference(metadata),
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                        },
                    },
                },
                "encoding": {"metadata": {"contentType": "application/json"}},
            },
            "application/json": {"schema": _reference(f"{metadata}{WITH_UPLOADS}")},
        },
    }


def _add_metadata_schema(document: dict[str, Any]) -> None:
    """Add the metadata as sent, where defaults may be left out; as shown, with all of them, it is there already."""
    schemas = document["components"]["schemas"]
    for name, adapter in SENT.items():
        schema = adapter.json_schema(ref_template=REFERENCE.format(model="{model}-Input"))
        schemas |= {f"{part}-Input": definition for part, definition in schema.pop("$defs").items()}
        schemas[name] = schema
        _add_upload_ids(schemas, name)


def _add_upload_ids(schemas: dict[str, Any], name: str) -> None:
    """Add a variant of a metadata schema that has `upload_ids`; of a choice, with such a variant of each member."""
    schema = schemas[name]
    if "oneOf" in schema:
        members = [reference["$ref"].rpartition("/")[2] for reference in schema["oneOf"]]
        for member in members:
            _add_upload_ids(schemas, member)
        mapping = {value: f"{ref}{WITH_UPLOADS}" for value, ref in schema["discriminator"]["mapping"].items()}
        schemas[f"{name}{WITH_UPLOADS}"] = schema | {
            "oneOf": [_reference(f"{member}{WITH_UPLOADS}") for member in members],
            "discriminator": schema["discriminator"] | {"mapping": mapping},
        }
    else:
        with_ids = schema["properties"] | {"upload_ids": UPLOAD_IDS}
        schemas[f"{name}{WITH_UPLOADS}"] = schema | {"properties": with_ids}


def _describe_problems(document: dict[str, Any]) -> None:
    """Give problems their media type, and remove FastAPI's own kind of error, which is never sent."""
    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            if _json_schema(responses.get("422", {})) == _reference("HTTPValidationError"):
                del responses["422"]
            for response in responses.values():
                if _json_schema(response) == _reference("Problem"):
                    response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
    for name in ("HTTPValidationError", "ValidationError"):
        del document["components"]["schemas"][name]


def _describe_access(document: dict[str, Any]) -> None:
    """Say which operations want a key, and how they refuse one."""
    document["components"]["securitySchemes"] = {
        "api_key": {"type": "http", "scheme": "bearer", "description": "Not needed until the first key is made."}
    }
    problem = {"content": {MEDIA_TYPE: {"schema": _reference("Problem")}}}
    for path, operations in document["paths"].items():
        for operation in operations.values() if not is_public(path) else ():
            operation["security"] = [{"api_key": []}]
            refusals = {
                "401": {"description": f"A problem with `code` `{ErrorCode.UNAUTHENTICATED}`"} | problem,
                "403": {"description": f"A problem with `code` `{ErrorCode.FORBIDDEN}`"} | problem,
            }
            operation["responses"] = dict(sorted((operation["responses"] | refusals).items()))


def _json_schema(response: dict[str, Any]) -> object:
    return response.get("content", {}).get("application/json", {}).get("schema")


def _reference(model: str) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model)}


if __name__ == "__main__":
    from service.http.app import create_app

    print(json.dumps(create_app().openapi(), indent=2, ensure_ascii=False))
