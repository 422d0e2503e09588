"""Tables of rules by name, to which installed packages may add."""

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Protocol, TypeVar


class Named(Protocol):
    """An entry of a table."""

    @property
    def name(self) -> str:
        """The name that callers use."""


Entry = TypeVar("Entry", bound=Named)


class Registry(Mapping[str, Entry]):
    """{name: entry}, in the order in which they were added.

    `group` names the entry points by which installed packages add theirs: each leads to an entry.
    """

    def __init__(self, entries: Iterable[Entry], group: str | None = None) -> None:
        self._entries: dict[str, Entry] = {}
        for entry in entries:
            self.add(entry)
        for point in entry_points(group=group) if group is not None else ():
            self.add(point.load())

    def add(self, entry: Entry) -> Entry:
        """Add an entry and return it. Raises ValueError for a name that is taken."""
        if entry.name in self._entries:
            raise ValueError(f"the name {entry.name!r} is taken")
        self._entries[entry.name] = entry
        return entry

    def remove(self, name: str) -> None:
        """Take an entry out. Raises KeyError for a name that is not there."""
        del self._entries[name]

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
