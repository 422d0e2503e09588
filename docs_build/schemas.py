"""JSON Schema as tables for readers."""

import json
from collections.abc import Mapping
from typing import Any

from docs_build.markdown import code, prose, table

LIMITS = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
    "minLength": "length >=",
    "maxLength": "length <=",
    "minItems": "items >=",
    "maxItems": "items <=",
}


def reference(name: str) -> str:
    """Return the link to a schema of the API."""
    return f"[{name}](schemas.md#{name.lower()})"


def type_of(schema: Mapping[str, Any]) -> str:
    """Say in Markdown what a schema takes: types, values, limits, links to other schemas."""
    match schema:
        case {"$ref": target}:
            return reference(target.rpartition("/")[2])
        case {"const": value}:
            return code(json.dumps(value))
        case {"enum": values}:
            return ", ".join(code(json.dumps(value)) for value in values)
        case {"anyOf": choices} | {"oneOf": choices}:
            return " or ".join(dict.fromkeys(type_of(choice) for choice in choices))
        case {"type": "array", "prefixItems": items}:
            taken = f"list of {', '.join(type_of(item) for item in items)}"
        case {"type": "array", "items": items}:
            taken = f"list of {type_of(items)}"
        case {"type": "object", "properties": {} as parts}:
            return ", ".join(f"{code(name)} {type_of(part)}" for name, part in parts.items())
        case {"type": "object", "additionalProperties": {} as values} if values:
            taken = f"object of {type_of(values)}"
        case {"type": kind}:
            taken = str(schema.get("format", kind))
        case _:
            return "any"
    limits = [f"{sign} {_number(schema[limit])}" for limit, sign in LIMITS.items() if limit in schema]
    if "pattern" in schema:
        limits.append(f"like {code(schema['pattern'])}")
    return f"{taken}, {', '.join(limits)}" if limits else taken


def fields(schema: Mapping[str, Any], docs: Mapping[str, str]) -> str:
    """Return the table of an object's fields, with `docs` on those that the schema itself says nothing about."""
    required = schema.get("required", ())
    rows = [
        [
            code(name),
            type_of(each),
            _default(each, name in required),
            prose(each.get("description", docs.get(name, ""))),
        ]
        for name, each in schema["properties"].items()
    ]
    return table(["field", "type", "default", ""], rows)


def _number(value: float) -> str:
    return f"{int(value) if value == int(value) else value:,}"


def _default(schema: Mapping[str, Any], required: bool) -> str:
    if required:
        return "required"
    return code(json.dumps(schema["default"], ensure_ascii=False)) if "default" in schema else ""
