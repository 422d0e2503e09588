"""The regular files of a zip, tar or tar.gz from a stranger, one at a time."""

import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.container import container_of
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.safe_tar import finish_file, next_file, open_tar
from workers.ladd.importers.reading.safe_zip import open_zip


@dataclass(frozen=True)
class ArchiveFile:
    """One regular file: `read` or `save` may be called once, before the next file is asked for.

    `read` returns an image, which is bounded; `save` writes a file of any size.

    `position` counts the uploaded bytes up to this file.
    """

    name: str
    position: int
    read: Callable[[], bytes]
    save: Callable[[Path], None]


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
                with _inflating(path, member):
                    return archive.read(member)

            def save(target: Path, member: zipfile.ZipInfo = member) -> None:
                with _inflating(path, member), archive.open(member) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, limits.MiB)

            yield ArchiveFile(member.filename, position, read, save)


@contextmanager
def _inflating(path: Path, member: zipfile.ZipInfo) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        location = f"{path.name}/{member.filename}"
        raise rejected(location, "readable_archive", error, f"cannot be inflated: {error}") from error


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

            def save(target: Path, size: int = size) -> None:
                nonlocal unread
                unread = 0
                with target.open("wb") as file:
                    while size > 0:
                        size -= file.write(stream.read(min(size, limits.MiB)))

            yield ArchiveFile(name, stream.position, read, save)
            stream.skip(unread)
            finish_file(stream, size)


def _check_size(path: Path, name: str, size: int) -> None:
    if size > limits.MEMBER_BYTES:
        raise rejected(
            f"{path.name}/{name}", "member_size", f"{size} bytes", f"a file may have {limits.MEMBER_BYTES} bytes"
        )
