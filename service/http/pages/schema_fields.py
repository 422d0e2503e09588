"""The fields of a form, read off the JSON schema of a job's parameters: no field is written twice."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

INSIDE = 2
"""How deep objects within objects are asked for; what lies deeper is for the JSON beside the form."""


class FormField(NamedTuple):
    """A field: `path` in the parameters, dotted; how it is asked for, and what it is when nothing is said."""

    path: str
    label: str
    kind: Literal["choice", "number choice", "choices", "number", "text", "switch"]
    choices: list[str]
    default: str
    hint: str


def fields_of(model: type[BaseModel], leave_out: frozenset[str] = frozenset()) -> list[FormField]:
    """Return the fields of a model and of the objects in it, those of plain values; `leave_out` are paths."""
    schema = model.model_json_schema()
    return [field for field in _fields(schema, schema.get("$defs", {}), "", INSIDE) if field.path not in leave_out]


def _fields(schema: Mapping[str, Any], known: Mapping[str, Any], above: str, deeper: int) -> Iterator[FormField]:
    for name, sent in schema.get("properties", {}).items():
        path = f"{above}{name}"
        found = _resolved(sent, known)
        if "properties" in found:
            if deeper:
                yield from _fields(found, known, f"{path}.", deeper - 1)
            continue
        asked = _asked(found, known)
        if asked is not None:
            kind, choices = asked
            hint = str(sent.get("description", found.get("description", ""))).partition("\n\n")[0]
            yield FormField(path, name.replace("_", " "), kind, choices, _text(sent.get("default")), hint)


def _resolved(sent: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema behind references, and of a value that may be null that of the value."""
    while True:
        if "$ref" in sent:
            sent = known[sent["$ref"].rpartition("/")[2]]
        elif options := [each for each in sent.get("anyOf", sent.get("oneOf", [])) if each.get("type") != "null"]:
            objects = [each for each in options if "$ref" in each]
            if len(options) > 1 and not objects:
                # A number or a word: asked for as a text.
                return {"type": "string"}
            sent = objects[-1] if objects else options[0]
        else:
            return sent


def _asked(found: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[Any, list[str]] | None:
    if "enum" in found:
        numbers = all(isinstance(value, int) for value in found["enum"])
        return "number choice" if numbers else "choice", [str(value) for value in found["enum"]]
    if found.get("type") == "array":
        items = _resolved(found.get("items", {}), known)
        return ("choices", [str(value) for value in items["enum"]]) if "enum" in items else None
    kinds = {"integer": "number", "number": "number", "string": "text", "boolean": "switch"}
    kind = kinds.get(str(found.get("type")))
    return None if kind is None else (kind, [])


def _text(default: Any) -> str:
    if isinstance(default, list):
        return ", ".join(map(str, default))
    return "" if default is None else str(default)
