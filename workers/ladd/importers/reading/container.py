"""Which container a file is, by its bytes and never by its name."""

import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Literal

from workers.ladd.importers.reading.rejected import rejected

Container = Literal["zip", "tar", "gzip", "other"]

ZIP_MAGIC = b"PK\x03\x04"
END = struct.Struct("<4s4H2LH")
"""The end record of a zip, which its comment follows."""
END_MAGIC = b"PK\x05\x06"
LONGEST_COMMENT = 2**16
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
    is_tar = _is_tar_header(head)
    # A tar may end in a zip, its last member, whose end record is followed by the tar's own end.
    if head.startswith(ZIP_MAGIC) or (ends_as_zip and not (is_tar and _is_followed(path))):
        kinds.append("zip")
    if is_tar:
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


def _is_followed(path: Path) -> bool:
    """Tell whether more bytes follow the last end record of a zip than its comment has."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - END.size - LONGEST_COMMENT))
        tail = file.read()
    end = tail.rfind(END_MAGIC)
    return 0 <= end <= len(tail) - END.size and len(tail) - end - END.size != END.unpack_from(tail, end)[-1]


def _is_tar_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
