"""Sets and labelers that a report speaks of: their names, and all that is known against them."""

from collections.abc import Iterable
from typing import Literal

from api_schemas.base import Response


class ReportInput(Response):
    """A set or labeler of a report, the source set first."""

    id: str
    name: str
    role: Literal["source", "distilled", "labeler"]
    made_here: bool
    """By this job, so that its warnings are those of what it was made of."""
    warnings: list[str]
    """Those of its upload, with what can be done about them."""
    classes: str | None
    """By what its classes were matched with the source set's; null: they have the same names."""
    largest_class: str | None = None
    """Of a source set: the class with the most images in `val`."""
    largest_share: float | None = None
    """Of `val`, in percent: the accuracy of always answering that class."""
    class_names: list[str] = []
    """Of a source set: its classes by label, WordNet ids in English; empty in reports of earlier versions."""


def names_of(inputs: Iterable[ReportInput]) -> dict[str, str]:
    """Return {id: name}; a name that several have is followed by the end of the id."""
    known = list(inputs)
    names = [each.name for each in known]
    return {each.id: each.name if names.count(each.name) == 1 else f"{each.name} (…{each.id[-4:]})" for each in known}
