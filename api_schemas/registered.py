"""Names of entries of `method`'s tables, as fields: checked, and listed in the schema, as the table is at the time."""

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

STORED = {"stored": True}
"""Context for documents of ours that are read back: what was accepted stays readable when its package is gone."""


class Registered:
    """Annotates a `str` that names an entry of a table, as an enum of these names does in errors and in the schema.

    `besides`: names that are not in the table. `shown`: the name stands in an answer of ours, and is not checked.
    """

    def __init__(
        self,
        title: str,
        table: Collection[str],
        description: str,
        besides: Sequence[str] = (),
        shown: bool = False,
    ) -> None:
        self._title, self._table, self._description = title, table, description
        self._besides, self._shown = besides, shown

    def shown(self) -> "Registered":
        """Return the annotation of the same names in answers."""
        return Registered(self._title, self._table, self._description, self._besides, shown=True)

    @property
    def _names(self) -> list[str]:
        return [*self._besides, *self._table]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(
            self._check,
            core_schema.str_schema(),
            ref=f"{self._title}:{'shown' if self._shown else 'sent'}",
            metadata={"pydantic_js_functions": [self._schema]},
        )

    def _check(self, name: str, info: ValidationInfo) -> str:
        if self._shown or name in self._names or info.context == STORED:
            return name
        *others, last = map(repr, self._names)
        raise PydanticCustomError("enum", "Input should be {expected}", {"expected": f"{', '.join(others)} or {last}"})

    def _schema(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        handler.resolve_ref_schema(described).update(
            {"title": self._title, "description": self._description, "enum": self._names, "type": "string"}
        )
        return described
