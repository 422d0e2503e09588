"""Room on the disk that a worker keeps its scratch folders and its cache on."""

import errno
import os
from pathlib import Path

ROOM_BYTES = 1 << 30
ROOM_FILES = 10_000
ROOM_SHARE = 20
"""A worker takes tasks while a GiB and so many files are free, or a twentieth of a disk on which that is less."""

FULL = {errno.ENOSPC, errno.EDQUOT}


def lack_of_room(folder: Path) -> str | None:
    """Return why the disk under a folder has no room for another task; None when it has, or cannot be asked."""
    try:
        disk = os.statvfs(folder)
    except OSError as error:
        return f"the disk of {folder} cannot be looked at: {error.strerror}"
    size, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
    if free < (needed := min(ROOM_BYTES, size // ROOM_SHARE)):
        return f"the disk of {folder} is full: {free >> 20} MiB are free, a task needs {needed >> 20}; make room there"
    # A file system without a bound on files says 0.
    if disk.f_favail < min(ROOM_FILES, disk.f_files // ROOM_SHARE):
        return f"the disk of {folder} is full: it takes {disk.f_favail} more files; remove some there"
    return None


def is_full(error: BaseException) -> bool:
    """Tell whether an exception says that the disk, or what we may use of it, is full."""
    return isinstance(error, OSError) and error.errno in FULL
