"""Which container a file is, by its bytes and never by its name."""

import tarfile
import zipfile
from pathlib import Path
from typing import Literal

from workers.ladd.importers.reading.rejected import rejected

Container = Literal["zip", "tar", "gzip", "other"]

ZIP_MAGIC = b"PK\x03\x04"
_GZIP_MAGIC = b"\x1f\x8b"


def container_of(path: Path) -> Container:
    """Return the container of a file; raises ImportRejected if it is empty, broken, or two containers in one."""
    with path.open("rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
    if not head:
        raise rejected(path.name, "not_empty", "0 bytes", "the file is empty")
    try:
        ends_as_zip = zipfile.is_zipfile(path)
    except zipfile.BadZipFile as error:
        raise rejected(path.name, "readable_archive", error, f"the zip cannot be read: {error}") from error
    kinds: list[Container] = []
    if head.startswith(ZIP_MAGIC) or ends_as_zip:
        kinds.append("zip")
    if _is_tar_header(head):
        kinds.append("tar")
    if head.startswith(_GZIP_MAGIC):
        kinds.append("gzip")
    if len(kinds) > 1:
        raise rejected(
            path.name, "one_container", " and ".join(kinds), "the file is two archives in one; readers would disagree"
        )
    if kinds == ["zip"] and not ends_as_zip:
        raise rejected(
            path.name, "not_truncated", f"{path.stat().st_size} bytes", "the file starts as a zip but has no end"
        )
    return kinds[0] if kinds else "other"


def _is_tar_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
