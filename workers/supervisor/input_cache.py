"""Blobs on the worker's disk by digest, so that ten tasks on one source set download it once."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from service.core.objects.storage import Storage

DEFAULT_LIMIT = 20 << 30
"""Bytes kept: some twenty source sets of ImageNette's size at 128 px."""


class InputCache:
    """Files named by their SHA-256 in `folder`, the least recently used dropped beyond `limit` bytes.

    Several workers may share the folder: a file appears complete or not at all, and one that a task uses stays
    readable after it was dropped. On a file system without hard links nothing is kept.
    """

    def __init__(self, storage: Storage, folder: Path, limit: int = DEFAULT_LIMIT) -> None:
        self._storage = storage
        self._folder = folder
        self._limit = limit
        # One download at a time: tasks that start together want the same blobs.
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def place(self, sha256: str, destination: Path) -> None:
        """Put the blob at `destination`, read-only. Raises what `Storage.download` raises."""
        cached = self._folder / sha256
        with self._lock:
            try:
                os.link(cached, destination)
            except FileNotFoundError:
                self._storage.download(sha256, destination)
                destination.chmod(0o444)
                with suppress(OSError):
                    os.link(destination, cached)
            with suppress(FileNotFoundError):
                os.utime(cached)
            held = self._oldest_first()
            excess = sum(size for size, _ in held) - self._limit
            for size, path in held:
                if excess <= 0:
                    break
                path.unlink(missing_ok=True)
                excess -= size

    def drop_until(self, is_enough: Callable[[], bool]) -> None:
        """Drop the least recently used until `is_enough`, or nothing is left. Does not wait for a download to end."""
        for _, path in self._oldest_first():
            if is_enough():
                break
            path.unlink(missing_ok=True)

    def _oldest_first(self) -> list[tuple[int, Path]]:
        """Sizes in bytes, and paths."""
        held = []
        for entry in os.scandir(self._folder):
            with suppress(FileNotFoundError):
                held.append((entry.stat().st_mtime_ns, entry.stat().st_size, Path(entry.path)))
        return [(size, path) for _, size, path in sorted(held)]
