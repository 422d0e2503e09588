"""Open zip files from strangers: checked against their own headers before any member is read.

The rules are those the Python Package Index applies to uploads: stored or deflated members only, local headers that
match the central directory, no overlaps, nothing before, between or after the members, bounded inflation.
"""

import os
import stat
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.container import END, END_MAGIC, LONGEST_COMMENT, ZIP_MAGIC
from workers.ladd.importers.reading.member_names import check_member_name
from workers.ladd.importers.reading.rejected import ImportRejected, rejected

_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_MAGIC = b"PK\x06\x06"
_LOCATOR_MAGIC = b"PK\x06\x07"
_LOCATOR_SIZE = 20
_INDEXED = struct.Struct("<28x3H12x")
"""One member of the index: how long its name, extra fields and comment are, which follow."""
_INDEXED_MAGIC = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3L2H")
_UNKNOWN_32 = 0xFFFFFFFF
_DATA_DESCRIPTOR = 0x8
_USUAL_FLAGS = 0x6 | _DATA_DESCRIPTOR | 0x800
"""Hints on the deflate level, sizes after the data, names in UTF-8; the others encrypt, patch or mask."""
_LONGEST_DESCRIPTOR = 24


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip whose structure holds; raises ImportRejected otherwise. Nothing is inflated here."""
    with path.open("rb") as file:
        _check_central_directory(path, file)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
        raise rejected(path.name, "readable_archive", error, f"the zip cannot be read: {error}") from error
    try:
        members = archive.infolist()
        _check_members(path, members)
        with path.open("rb") as file:
            _check_local_headers(path, file, members, archive.start_dir)
        _check_inflation(path, members)
    except ImportRejected:
        archive.close()
        raise
    return archive


def _check_central_directory(path: Path, file: BinaryIO) -> None:
    """Bound the index, of which `zipfile` makes an object for each member, and refuse bytes after the end record."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - LONGEST_COMMENT - END.size - _LOCATOR_SIZE - _END64.size)
    file.seek(start)
    tail = file.read()
    position = tail.rfind(END_MAGIC)
    if position < 0 or position + END.size > len(tail):
        raise rejected(path.name, "not_truncated", f"{size} bytes", "the zip has no end record")
    *_, entries, directory_bytes, _, comment_bytes = END.unpack_from(tail, position)
    directory_end = start + position
    end64 = position - _LOCATOR_SIZE - _END64.size
    located = tail.startswith(_LOCATOR_MAGIC, max(0, position - _LOCATOR_SIZE))
    if located != (end64 >= 0 and tail.startswith(_END64_MAGIC, end64)):
        # One reader would take the sizes of the one record, another those of the other.
        raise rejected(path.name, "readable_archive", None, "the zip64 end record and its locator do not go together")
    if located:
        *_, entries, directory_bytes, _ = _END64.unpack_from(tail, end64)
        directory_end = start + end64
    if start + position + END.size + comment_bytes != size:
        raise rejected(path.name, "no_extra_bytes", f"{size} bytes", "bytes follow the zip's end record")
    if entries > limits.ZIP_MEMBERS or directory_bytes > limits.CENTRAL_DIRECTORY_BYTES:
        raise rejected(
            path.name,
            "member_count",
            f"{entries} members, index of {directory_bytes} bytes",
            f"a zip may have {limits.ZIP_MEMBERS} members and an index of {limits.CENTRAL_DIRECTORY_BYTES} bytes; "
            "send larger sets as tar",
        )
    file.seek(max(0, directory_end - directory_bytes))
    indexed = _count_members(path, file.read(directory_bytes))
    if entries != indexed:
        raise rejected(
            path.name, "headers_agree", entries, f"the zip's end counts {entries} members, its index {indexed}"
        )


def _count_members(path: Path, directory: bytes) -> int:
    """Count the members of an index without keeping any."""
    count = position = 0
    while position < len(directory):
        if not directory.startswith(_INDEXED_MAGIC, position) or position + _INDEXED.size > len(directory):
            raise rejected(path.name, "readable_archive", f"byte {position} of it", "the zip's index is broken")
        position += _INDEXED.size + sum(_INDEXED.unpack_from(directory, position))
        count += 1
    return count


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for member in members:
        name = member.filename
        # a unicode-path field may make the two names differ
        for spelling in {name, member.orig_filename}:
            check_member_name(path.name, spelling)
        if name in seen:
            raise rejected(path.name, "unique_members", name, f"member {name!r} is in the zip twice")
        seen.add(name)
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise rejected(
                path.name, "stored_or_deflated", member.compress_type, f"member {name!r} is neither stored nor deflated"
            )
        if member.flag_bits & ~_USUAL_FLAGS:
            raise rejected(
                path.name, "not_encrypted", f"flags {member.flag_bits:#x}", f"member {name!r} is encrypted or patched"
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise rejected(
                path.name, "regular_files_only", name, f"member {name!r} is a link or a device, not a regular file"
            )


def _check_local_headers(path: Path, file: BinaryIO, members: list[zipfile.ZipInfo], directory_start: int) -> None:
    """Walk the members in file order: each header must agree with the index and each byte belong to one member."""
    end, allowed_gap = 0, 0
    for member in sorted(members, key=lambda m: m.header_offset):
        if not end <= member.header_offset <= end + allowed_gap:
            raise rejected(
                path.name, "no_extra_bytes", member.filename, f"member {member.filename!r} overlaps or leaves a gap"
            )
        end = _check_local_header(path, file, member)
        allowed_gap = _LONGEST_DESCRIPTOR if member.flag_bits & _DATA_DESCRIPTOR else 0
    if not end <= directory_start <= end + allowed_gap:
        raise rejected(path.name, "no_extra_bytes", None, "bytes lie between the last member and the index")


def _check_local_header(path: Path, file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Compare one local header with the index; return where the member's data ends."""
    file.seek(member.header_offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(ZIP_MAGIC):
        raise rejected(path.name, "headers_agree", member.filename, f"member {member.filename!r} has no local header")
    _, _, flags, method, _, _, crc, compressed, inflated, name_bytes, extra_bytes = _LOCAL.unpack(header)
    name = file.read(name_bytes).decode("utf-8" if flags & 0x800 else "cp437", errors="replace")
    streamed = flags & _DATA_DESCRIPTOR
    differs = (
        name != member.orig_filename
        or method != member.compress_type
        or flags & ~_USUAL_FLAGS
        or (not streamed and crc != member.CRC)
        or any(
            local not in (_UNKNOWN_32, 0 if streamed else indexed, indexed)
            for local, indexed in ((compressed, member.compress_size), (inflated, member.file_size))
        )
        or (method == zipfile.ZIP_STORED and member.compress_size != member.file_size)
    )
    if differs:
        raise rejected(
            path.name,
            "headers_agree",
            member.filename,
            f"the header of member {member.filename!r} disagrees with the zip's index",
        )
    return int(member.header_offset + _LOCAL.size + name_bytes + extra_bytes + member.compress_size)


def _check_inflation(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Judge declared sizes; `zipfile` never inflates a member beyond its declared size."""
    inflated = sum(member.file_size for member in members)
    compressed = sum(member.compress_size for member in members)
    if inflated > limits.INFLATED_BYTES:
        raise rejected(
            path.name, "inflated_size", f"{inflated} bytes", f"the zip inflates beyond {limits.INFLATED_BYTES} bytes"
        )
    if inflated > limits.RATIO_FREE_BYTES and inflated > limits.RATIO * compressed:
        raise rejected(
            path.name,
            "compression_ratio",
            f"{compressed} -> {inflated} bytes",
            f"the zip inflates more than {limits.RATIO}-fold",
        )
