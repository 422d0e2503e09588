"""Read tar and tar.gz files from strangers as a stream of regular files.

Headers are parsed one block at a time: the standard library's `TarFile` reads extended headers of any declared size
into memory, and seeks, which a gzip stream answers by starting over.
"""

import gzip
import re
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.member_names import check_member_name
from workers.ladd.importers.reading.rejected import ImportRejected, rejected

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1024 * 1024
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_NAME_HEADERS = (*_PAX, tarfile.GNUTYPE_LONGNAME)
_IGNORED_HEADERS = (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK)
_NUMBER = re.compile(rb"\d{1,9}")
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)


@dataclass
class TarStream:
    """The bytes of a tar, inflated if gzipped, counted and limited."""

    path: Path
    raw: BinaryIO
    content: BinaryIO
    inflated: int = 0

    @property
    def position(self) -> int:
        """Uploaded bytes read so far."""
        return self.raw.tell()

    def read(self, size: int) -> bytes:
        """Read exactly `size` bytes; raises ImportRejected at the end of the file or beyond the limits."""
        try:
            data = self.content.read(size)
        except EOFError as error:
            raise self._truncated() from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise rejected(self.path.name, "readable_archive", error, f"the gzip cannot be read: {error}") from error
        if len(data) < size:
            raise self._truncated()
        self.inflated += size
        self._check_limits()
        return data

    def skip(self, size: int) -> None:
        """Read and drop `size` bytes."""
        while size > 0:
            size -= len(self.read(min(size, _CHUNK)))

    def _check_limits(self) -> None:
        if self.inflated > limits.INFLATED_BYTES:
            raise rejected(
                self.path.name,
                "inflated_size",
                f"> {limits.INFLATED_BYTES} bytes",
                f"the archive inflates beyond {limits.INFLATED_BYTES} bytes",
            )
        if self.inflated > limits.RATIO_FREE_BYTES and self.inflated > limits.RATIO * self.position:
            raise rejected(
                self.path.name,
                "compression_ratio",
                f"{self.position} -> {self.inflated} bytes",
                f"the archive inflates more than {limits.RATIO}-fold",
            )

    def _truncated(self) -> ImportRejected:
        return rejected(self.path.name, "not_truncated", f"{self.inflated} bytes read", "the archive ends too early")


@contextmanager
def open_tar(path: Path, gzipped: bool) -> Iterator[TarStream]:
    """Open a tar as a stream."""
    with path.open("rb") as raw, gzip.open(raw, "rb") if gzipped else nullcontext(raw) as content:
        yield TarStream(path, raw, cast(BinaryIO, content))


def next_file(stream: TarStream) -> tuple[str, int] | None:
    """Advance to the next regular file and return its name and size, None at the end of the archive.

    The caller reads exactly `size` bytes and then calls `finish_file`. Raises ImportRejected for links, devices,
    sparse files, unsafe names and broken headers.
    """
    long_name: str | None = None
    while True:
        block = stream.read(_BLOCK)
        if not block.strip(b"\0"):
            return None
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise rejected(stream.path.name, "readable_archive", error, f"broken tar header: {error}") from error
        if header.size < 0:
            raise rejected(stream.path.name, "readable_archive", header.size, "a tar header has a negative size")
        if header.type in _NAME_HEADERS or header.type in _IGNORED_HEADERS:
            content = _extended_header(stream, header.size)
            if header.type in _NAME_HEADERS:
                long_name = _member_name(stream.path, header.type, content) or long_name
            continue
        name = long_name or header.name
        long_name = None
        check_member_name(stream.path.name, name.rstrip("/") if header.isdir() else name)
        if header.isdir():
            stream.skip(_padded(header.size))
            continue
        if header.type not in _FILES:
            raise rejected(
                stream.path.name, "regular_files_only", name, f"member {name!r} is a link or a device, not a file"
            )
        return name, header.size


def finish_file(stream: TarStream, size: int) -> None:
    """Skip the padding after a file of `size` bytes."""
    stream.skip(_padded(size) - size)


def _extended_header(stream: TarStream, size: int) -> bytes:
    if size > limits.HEADER_BYTES:
        raise rejected(
            stream.path.name,
            "header_size",
            f"{size} bytes",
            f"an extended tar header may have {limits.HEADER_BYTES} bytes",
        )
    return stream.read(_padded(size))[:size]


def _member_name(path: Path, kind: bytes, content: bytes) -> str | None:
    """Name from a GNU long-name header, or from the `path` record of a pax header ("length key=value\\n" each)."""
    if kind not in _PAX:
        return content.rstrip(b"\0").decode("utf-8", "surrogateescape")
    name = None
    while content:
        length, _, _ = content.partition(b" ")
        if not _NUMBER.fullmatch(length) or not len(length) + 2 < int(length) <= len(content):
            raise rejected(path.name, "readable_archive", content[:40], "broken pax header")
        key, _, value = content[len(length) + 1 : int(length) - 1].partition(b"=")
        if key == b"path":
            name = value.decode("utf-8", "surrogateescape")
        elif key == b"size" or key.startswith(b"GNU.sparse"):
            raise rejected(path.name, "regular_files_only", key.decode(), "sparse and giant tar members are not read")
        content = content[int(length) :]
    return name


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
