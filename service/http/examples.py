"""Examples in the OpenAPI document, made of its schemas and of `example_values`: no body and no answer lacks one.

Those of models are in the document once, under `components.examples`, and so is one of each problem.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.http.example_values import CANDIDATES, NULL, PROBLEMS, REQUESTS, SHOWN, TEXTS, TIME, VALUES
from service.http.problems import EXAMPLE, document_of

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_ID = re.compile(r"\^(\w+_)\[0-9a-z\]\{26\}\$")


def add_examples(document: dict[str, Any]) -> None:
    """Put an example beside every schema of a body or an answer of `document`, and those of problems to be referred to.

    Pictures have none: JSON cannot tell one.
    """
    maker = _Maker(document["components"]["schemas"])
    found: dict[str, Any] = {}
    for operation in _operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            found |= _add(content, maker, sent=True)
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                if media_type in TEXTS:
                    content["example"] = TEXTS[media_type]
                elif media_type == "application/json":
                    found |= _add(content, maker, sent=False, needed=status.startswith("2"))
    problems = {code: document_of(code, *said).model_dump(mode="json") for code, said in PROBLEMS.items()}
    document["components"]["examples"] = found | {code: {"value": each} for code, each in problems.items()}


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _add(content: dict[str, Any], maker: "_Maker", sent: bool, needed: bool = True) -> dict[str, Any]:
    """Add examples to a content: one of each form that it may have; return those that it refers to."""
    schema = content.get("schema", {})
    if not needed or not schema:
        return {}
    forms = [form for form in schema.get("oneOf", [schema]) if "$ref" in form]
    if not forms:
        content["example"] = maker.value(schema, "", sent)
        return {}
    names = [_name(form) for form in forms]
    content["examples"] = {name: {"$ref": EXAMPLE.format(name=name)} for name in names}
    return {name: {"value": maker.model(name, sent)} for name in names}


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


class _Maker:
    """Makes values that fit schemas."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._begun: list[str] = []

    def model(self, name: str, sent: bool) -> Any:
        """Return an example of a model; one that is sent has what it needs and nothing that has a default."""
        if name in REQUESTS and sent:
            return REQUESTS[name]
        if name in self._begun:
            return {}
        self._begun.append(name)
        made = self.value(self._schemas[name], "", sent)
        self._begun.pop()
        return {**made, **SHOWN.get(name, {})} if isinstance(made, dict) else made

    def value(self, schema: Mapping[str, Any], field: str, sent: bool) -> Any:
        """Return an example of what a schema allows in a field."""
        if "$ref" in schema:
            name = _name(schema)
            return VALUES[field] if _fits(self._schemas[name], VALUES.get(field)) else self.model(name, sent)
        if _fits(schema, VALUES.get(field)):
            return VALUES[field]
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        forms = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if forms:
            told = [form for form in forms if form.get("type") != "null"]
            return None if field in NULL and len(told) < len(forms) else self.value(told[0], field, sent)
        return self._plain(schema, field, sent)

    def _plain(self, schema: Mapping[str, Any], field: str, sent: bool) -> Any:
        match schema.get("type"):
            case "object":
                return self._object(schema, sent)
            case "array" if "prefixItems" in schema:
                return [self.value(each, field, sent) for each in schema["prefixItems"]]
            case "array":
                item = self.value(schema.get("items", {}), field.removesuffix("s"), sent)
                return [item] * max(1, schema.get("minItems", 1))
            case "string":
                return _text(schema, field)
            case "integer":
                return max(1, schema.get("minimum", 1))
            case "number":
                return min(0.5, schema.get("maximum", 0.5))
            case "boolean":
                return False
        return {}

    def _object(self, schema: Mapping[str, Any], sent: bool) -> dict[str, Any]:
        needed = schema.get("required", [])
        return {
            name: self.value(of_field, name, sent)
            for name, of_field in schema.get("properties", {}).items()
            if name in needed or not sent
        }


def _fits(schema: Mapping[str, Any], value: Any) -> bool:
    """Tell whether a value of the table is one that a schema allows, as far as its type, names and pattern go."""
    if value is None:
        return False
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    forms = schema.get("anyOf") or schema.get("oneOf")
    if forms:
        return any(_fits(form, value) for form in forms)
    expected = _TYPES.get(schema.get("type", ""))
    if expected is None or not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        return False
    if isinstance(value, list):
        return all(_fits(schema.get("items", {}), each) for each in value)
    return not isinstance(value, str) or re.search(schema.get("pattern", ""), value) is not None


def _text(schema: Mapping[str, Any], field: str) -> str:
    if schema.get("format") == "date-time":
        return TIME
    pattern = schema.get("pattern")
    if pattern is None:
        return field.replace("_", " ") or "a text"
    identifier = _ID.fullmatch(pattern)
    if identifier is not None:
        return f"{identifier[1]}01jz6x3v9k4m8q2r5t7w0y1a3c"
    return next((each for each in CANDIDATES if re.search(pattern, each)), field)
