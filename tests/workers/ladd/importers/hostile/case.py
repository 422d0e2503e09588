"""One bad upload: how to make it, who is to read it, and what must come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Make = Callable[[Path], None]
"""Writes the upload's files, and nothing else, into the folder given."""


@dataclass(frozen=True)
class Case:
    """`reader` is a name of `method.formats`, `auto`, or `labeler:` and a key of `READERS`.

    `rules` are those that may refuse it, none: any. `readable`: it may also be read, as a flipped bit in a pixel is.
    """

    name: str
    reader: str
    make: Make
    rules: frozenset[str] = frozenset()
    readable: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


def lazily(files: Callable[..., Mapping[str, bytes]], *arguments: Any) -> Make:
    """Return what writes the files that `files(*arguments)` makes only then."""

    def make(folder: Path) -> None:
        for name, data in files(*arguments).items():
            (folder / name).write_bytes(data)

    return make
