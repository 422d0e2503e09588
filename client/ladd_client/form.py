"""Forms that are read from disk while they are sent."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ProgressCallback = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

Files = str | Path | Sequence[str | Path]
"""One path or several."""

Parts = list[tuple[str, tuple[str | None, Any, str]]]


class _CountedFile(io.FileIO):
    """A file that says how far it has been read; httpx reads it in 64 KiB pieces and rewinds it for a retry."""

    def __init__(self, path: Path, advance: Callable[[int], None]) -> None:
        super().__init__(path, "rb")
        self._advance = advance

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        self._advance(len(data))
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        before = self.tell()
        position = super().seek(offset, whence)
        self._advance(position - before)
        return position


@contextmanager
def form(metadata_json: str, files: Sequence[Path], on_progress: ProgressCallback | None) -> Iterator[Parts]:
    """Parts for `httpx`'s `files=`: the JSON `metadata` first, then one `files` part for each path.

    Raises `FileNotFoundError` and friends before anything is sent.
    """
    total = sum(path.stat().st_size for path in files)
    sent = 0

    def advance(count: int) -> None:
        nonlocal sent
        sent += count
        if on_progress is not None and count:
            on_progress(sent, total)

    with ExitStack() as stack:
        parts: Parts = [("metadata", (None, metadata_json.encode(), "application/json"))]
        for path in files:
            opened = stack.enter_context(_CountedFile(path, advance))
            parts.append(("files", (path.name, opened, "application/octet-stream")))
        yield parts


def paths(files: Files) -> list[Path]:
    """Return files as a list of paths."""
    return [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
