"""The regular files of a zip, tar or tar.gz from a stranger, one at a time."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.container import container_of
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_tar import finish_file, next_file, open_tar
from workers.ladd.importers.reading.safe_zip import open_zip


@dataclass(frozen=True)
class ArchiveFile:
    """One regular file: `read` may be called once, before the next file is asked for.

    `position` counts the uploaded bytes up to this file.
    """

    name: str
    position: int
    read: Callable[[], bytes]


def iter_files(path: Path) -> Iterator[ArchiveFile]:
    """Yield the files of an archive in its own order.

    Raises ImportRejected as soon as a rule is broken; what is read is bounded by `limits`.
    """
    container = container_of(path)
    if container == "zip":
        yield from _iter_zip(path)
    elif container in ("tar", "gzip"):
        yield from _iter_tar(path, gzipped=container == "gzip")
    else:
        raise rejected(path.name, "known_container", None, "the file is neither zip nor tar nor tar.gz")


def _iter_zip(path: Path) -> Iterator[ArchiveFile]:
    position = 0
    with open_zip(path) as archive:
        for member in archive.infolist():
            position += member.compress_size
            if member.is_dir():
                continue

            def read(member: zipfile.ZipInfo = member) -> bytes:
                _check_size(path, member.filename, member.file_size)
                try:
                    return archive.read(member)
                except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                    raise rejected(
                        f"{path.name}/{member.filename}", "readable_archive", error, f"cannot be inflated: {error}"
                    ) from error

            yield ArchiveFile(member.filename, position, read)


def _iter_tar(path: Path, gzipped: bool) -> Iterator[ArchiveFile]:
    members = 0
    with open_tar(path, gzipped) as stream:
        while (entry := next_file(stream)) is not None:
            name, size = entry
            members += 1
            if members > limits.MEMBERS:
                raise rejected(path.name, "member_count", members, f"an archive may have {limits.MEMBERS} members")
            unread = size

            def read(name: str = name, size: int = size) -> bytes:
                nonlocal unread
                _check_size(path, name, size)
                unread = 0
                return stream.read(size)

            yield ArchiveFile(name, stream.position, read)
            stream.skip(unread)
            finish_file(stream, size)


def _check_size(path: Path, name: str, size: int) -> None:
    if size > limits.MEMBER_BYTES:
        raise rejected(
            f"{path.name}/{name}", "member_size", f"{size} bytes", f"a file may have {limits.MEMBER_BYTES} bytes"
        )
