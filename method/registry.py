"""Tables of rules by name, to which installed packages may add."""

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Protocol, TypeVar


class Named(Protocol):
    """An entry of a table."""

    @property
    def name(self) -> str:
        """The name that callers use."""


Entry = TypeVar("Entry", bound=Named)


def registry(entries: Iterable[Entry], group: str | None = None) -> dict[str, Entry]:
    """Return {name: entry} in the order of the entries. Raises ValueError for a name that two of them have.

    `group` names the entry points by which installed packages add theirs: each leads to an entry.
    """
    installed = [point.load() for point in entry_points(group=group)] if group is not None else []
    table: dict[str, Entry] = {}
    for entry in (*entries, *installed):
        if entry.name in table:
            raise ValueError(f"the name {entry.name!r} is taken")
        table[entry.name] = entry
    return table
