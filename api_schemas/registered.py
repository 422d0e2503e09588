"""Names of entries of `method`'s tables, as fields: checked, and listed in the schema, as the table is at the time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

STORED = {"stored": True}
"""Context for documents of ours that are read back: what was accepted stays readable when its package is gone."""


@dataclass(frozen=True, eq=False)
class Registered:
    """Annotates a `str` that names an entry of a table, as an enum of these names does in errors and in the schema.

    `besides`: names that are not in the table. `checked`: the name is sent, not shown in an answer of ours.
    """

    title: str
    table: Collection[str]
    description: str
    besides: Sequence[str] = ()
    checked: bool = True

    def shown(self) -> "Registered":
        """Return the annotation of the same names in answers."""
        return replace(self, checked=False)

    @property
    def _names(self) -> list[str]:
        return [*self.besides, *self.table]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(
            self._check,
            core_schema.str_schema(),
            ref=f"{self.title}:{'sent' if self.checked else 'shown'}",
            metadata={"pydantic_js_functions": [self._schema]},
        )

    def _check(self, name: str, info: ValidationInfo) -> str:
        if not self.checked or name in self._names or info.context == STORED:
            return name
        *others, last = map(repr, self._names)
        raise PydanticCustomError("enum", "Input should be {expected}", {"expected": f"{', '.join(others)} or {last}"})

    def _schema(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        handler.resolve_ref_schema(described).update(
            {"title": self.title, "description": self.description, "enum": self._names, "type": "string"}
        )
        return described
