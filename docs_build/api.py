"""The routes and documents of the API, from `docs/openapi.json`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs_build.markdown import code, prose, table
from docs_build.model_docs import field_docs
from docs_build.schemas import fields, type_of

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.json"


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the service."""
    read: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return read


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method (`GET`), path and description of each route."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def routes() -> str:
    """Return all routes, by what they are about: parameters, body and answers of each."""
    topics: dict[str, list[str]] = {}
    for method, path, operation in operations():
        topics.setdefault(operation["tags"][0], []).append(_route(method, path, operation))
    return "\n".join(f"## {topic.capitalize()}\n\n{chr(10).join(about)}" for topic, about in topics.items())


def schemas() -> str:
    """Return all documents that are sent or answered, each with its fields."""
    parts = []
    for name, schema in sorted(document()["components"]["schemas"].items()):
        body = fields(schema, field_docs(name)) if schema.get("properties") else f"{type_of(schema)}\n"
        parts.append(f"## {name}\n\n{schema.get('description', '')}\n\n{body}")
    return "\n".join(parts)


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f"### {method} {path}", operation.get("description", "")]
    if given := operation.get("parameters"):
        rows = [
            [
                code(each["name"]),
                each["in"],
                type_of(each["schema"]),
                "required" if each["required"] else "",
                prose(each.get("description", "")),
            ]
            for each in given
        ]
        parts.append(table(["parameter", "in", "type", "", ""], rows))
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"Body, {code(media)}: {type_of(content.get('schema', {}))}")
    answers = operation["responses"].items()
    parts += [f"Answer {status}: {', '.join(_forms(answer))}" for status, answer in answers if not _is_problem(answer)]
    if problems := [f"{status} {_codes(answer)}" for status, answer in answers if _is_problem(answer)]:
        parts.append(f"[Problems](problems.md): {', '.join(problems)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _is_problem(answer: dict[str, Any]) -> bool:
    return "application/problem+json" in answer.get("content", {})


def _codes(answer: dict[str, Any]) -> str:
    return prose(answer["description"].removeprefix("A problem with `code` "))


def _forms(answer: dict[str, Any]) -> list[str]:
    """Return the media types of an answer, with the document where it is one of ours; else what is said of it."""
    found = []
    for media, content in answer.get("content", {}).items():
        schema = content.get("schema", {})
        found.append(f"{code(media)} {type_of(schema)}" if "$ref" in schema or "anyOf" in schema else code(media))
    return found or [prose(answer["description"])]
