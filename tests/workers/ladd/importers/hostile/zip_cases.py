"""Zips that lie: about sizes, names, places, methods and how much is in them."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.valid_files import folders, image, zipped

READERS = ("class_folders", "npz", "labeler:exported")
"""The readers of zips; `.pt` files have cases of their own."""
MiB = 1024**2
LINK, DEVICE, PIPE, SOCKET = 0o120777, 0o020666, 0o010644, 0o140644


@dataclass(frozen=True)
class Member:
    """One member by its bytes, and what its two headers claim where that is not the truth (`central_`: the index)."""

    name: bytes = b"ant/0.png"
    stored: bytes = b""
    method: int = 0
    flags: int = 0
    size: int | None = None
    crc: int | None = None
    central_name: bytes | None = None
    central_size: int | None = None
    central_compressed: int | None = None
    central_crc: int | None = None
    central_flags: int | None = None
    central_offset: int | None = None
    central_method: int | None = None
    extra: bytes = b""
    central_extra: bytes = b""
    mode: int = 0
    descriptor: bytes = b""


def raw_zip(
    members: Sequence[Member], before: bytes = b"", between: bytes = b"", after: bytes = b"", **end: Any
) -> bytes:
    """Write a zip by hand; `end` replaces fields of the end record: entries, size, offset, comment."""
    body, index = bytearray(before), bytearray()
    for member in members:
        offset = len(body)
        crc = zlib.crc32(member.stored) if member.crc is None else member.crc
        size = len(member.stored) if member.size is None else member.size
        body += struct.pack(
            "<4s5H3L2H", b"PK\3\4", 20, member.flags, member.method, 0, 0x21, crc, len(member.stored), size,
            len(member.name), len(member.extra),
        )  # fmt: skip
        body += member.name + member.extra + member.stored + member.descriptor
        name = _given(member.central_name, member.name)
        index += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 0x314, 20, _given(member.central_flags, member.flags),
            _given(member.central_method, member.method), 0, 0x21, _given(member.central_crc, crc),
            _given(member.central_compressed, len(member.stored)), _given(member.central_size, size),
            len(name), len(member.central_extra), 0, 0, 0, member.mode << 16, _given(member.central_offset, offset),
        )  # fmt: skip
        index += name + member.central_extra
    comment: bytes = end.get("comment", b"")
    entries = end.get("entries", len(members))
    record = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, entries & 0xFFFF, entries & 0xFFFF, end.get("size", len(index)),
        end.get("offset", len(body) + len(between)), end.get("comment_length", len(comment)),
    )  # fmt: skip
    return b"".join((body, between, index, end.get("zip64", b""), record, comment, after))


def _given(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def deflated(data: bytes) -> bytes:
    """Return raw deflate."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _zip64(entries: int, size: int, offset: int) -> bytes:
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, size, offset)
    return record + struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)


def _lies() -> Iterator[tuple[str, bytes, set[str]]]:
    plain = Member(stored=image())
    other = replace(plain, name=b"bee/1.png")
    packed = replace(plain, stored=deflated(image()), method=8, size=len(image()), crc=zlib.crc32(image()))
    agree, extra = {"headers_agree"}, {"no_extra_bytes"}
    yield "sizes: index says more", raw_zip([replace(plain, central_size=10**6), other]), agree
    yield "sizes: index says less", raw_zip([replace(plain, central_size=1), other]), agree
    yield "sizes: index says 4 GiB", raw_zip([replace(packed, central_size=2**32 - 2), other]), agree
    yield "sizes: header and index agree on a lie", raw_zip([replace(packed, size=64), other]), set()
    yield "sizes: stored member inflates", raw_zip([replace(plain, size=9, central_size=9), other]), agree
    yield "sizes: index is short of bytes", raw_zip([replace(plain, central_compressed=3), other]), agree | extra
    yield "sizes: index goes past the end", raw_zip([replace(plain, central_compressed=10**6), other]), agree | extra
    yield "crc: wrong in both", raw_zip([replace(plain, crc=1), other]), set()
    yield "crc: wrong in the index", raw_zip([replace(plain, central_crc=1), other]), agree
    yield "crc: wrong after inflation", raw_zip([replace(packed, crc=1), other]), set()
    yield "names: differ", raw_zip([replace(plain, central_name=b"bee/0.png"), other]), agree
    yield "names: differ in case", raw_zip([replace(plain, central_name=b"ANT/0.png"), other]), agree
    yield "names: one is empty", raw_zip([replace(plain, central_name=b""), other]), {"no_path_tricks"}
    yield "names: twice", raw_zip([plain, plain]), {"unique_members"}
    yield "method: differs", raw_zip([replace(packed, central_method=0), other]), agree
    for method, what in ((1, "shrink"), (6, "implode"), (9, "deflate64"), (12, "bzip2"), (14, "lzma"), (93, "zstd"),
                         (95, "xz"), (98, "ppmd"), (99, "aes"), (65535, "unknown")):  # fmt: skip
        yield f"method: {what}", raw_zip([replace(plain, method=method), other]), {"stored_or_deflated"}
    for flag, what in ((0x1, "encrypted"), (0x20, "patched"), (0x40, "strong encryption"), (0x2000, "masked headers")):
        yield f"flags: {what}", raw_zip([replace(plain, flags=flag), other]), {"not_encrypted", "readable_archive"}
    yield "flags: only the index says encrypted", raw_zip([replace(plain, central_flags=1), other]), {"not_encrypted"}
    yield "flags: only the header says encrypted", raw_zip([replace(plain, flags=1, central_flags=0), other]), set()
    yield "place: two members at one place", raw_zip([plain, replace(other, central_offset=0)]), agree | extra
    yield "place: member within a member", raw_zip([plain, replace(other, central_offset=40)]), agree | extra
    yield "place: beyond the end", raw_zip([plain, replace(other, central_offset=10**6)]), agree | extra
    yield "place: offset 2^32-2", raw_zip([plain, replace(other, central_offset=2**32 - 2)]), set()
    yield "place: bytes before the first", raw_zip([plain, other], before=b"#!/bin/sh\n"), set()
    yield "place: bytes before the index", raw_zip([plain, other], between=bytes(99)), extra
    yield "place: bytes after the end", raw_zip([plain, other], after=b"more"), set()
    yield "place: a second zip after the end", raw_zip([plain]) + raw_zip([plain, other]), set()
    yield (
        "place: a member that the index leaves out",
        raw_zip([replace(plain, descriptor=raw_zip([other])[:200]), other]),
        extra,
    )
    yield "descriptor: flagged and missing", raw_zip([replace(plain, flags=8, crc=0), other]), set()
    yield "descriptor: 25 bytes", raw_zip([replace(plain, flags=8, descriptor=bytes(25)), other]), extra
    yield "descriptor: unflagged", raw_zip([replace(plain, descriptor=bytes(16)), other]), extra
    yield "end: more entries", raw_zip([plain, other], entries=3), set()
    yield "end: fewer entries", raw_zip([plain, other], entries=0), set()
    yield "end: index of no bytes", raw_zip([plain, other], size=0), set()
    yield "end: index of 2^32-1 bytes", raw_zip([plain, other], size=2**32 - 1), set()
    yield "end: index beyond the end", raw_zip([plain, other], offset=10**7), set()
    yield "end: comment shorter than said", raw_zip([plain, other], comment_length=50), {"no_extra_bytes"}
    yield "end: an end record in the comment", raw_zip([plain], comment=raw_zip([other])), set()
    yield "zip64: 2^40 entries", raw_zip([plain], zip64=_zip64(2**40, 100, 0)), {"member_count"}
    yield "zip64: index of 2^63 bytes", raw_zip([plain], zip64=_zip64(1, 2**63, 0)), {"member_count"}
    yield "zip64: index at 2^63", raw_zip([plain], zip64=_zip64(1, 60, 2**63), offset=2**32 - 1), set()
    short = struct.pack("<HH", 1, 4) + bytes(4)
    yield "zip64: field too short", raw_zip([replace(plain, central_extra=short, central_size=2**32 - 1)]), set()
    long = struct.pack("<HHQ", 1, 8, 2**60)
    yield "zip64: member of 2^60 bytes", raw_zip([replace(plain, central_extra=long, central_size=2**32 - 1)]), set()
    yield "extra: longer than it is", raw_zip([replace(plain, central_extra=b"\x01\x00\xff\xff")]), {"readable_archive"}
    renamed = struct.pack("<HHBL", 0x7075, 15, 1, zlib.crc32(b"ant/0.png")) + b"/etc/hosts"
    yield "extra: unicode path /etc/hosts", raw_zip([replace(plain, central_extra=renamed)]), set()
    for mode, what in ((LINK, "link"), (DEVICE, "device"), (PIPE, "pipe"), (SOCKET, "socket")):
        yield f"kind: {what}", raw_zip([replace(plain, mode=mode), other]), {"regular_files_only"}
    yield "empty: no members", raw_zip([]), set()
    yield "empty: end record only, twice", raw_zip([]) * 2, set()
    yield "broken deflate", raw_zip([replace(plain, stored=b"\xff" * 99, method=8), other]), set()
    yield "deflate ends early", raw_zip([replace(packed, stored=packed.stored[:-9]), other]), set()


NAMES: dict[bytes, set[str]] = {
    b"/etc/passwd.png": {"no_path_tricks"},
    b"../../a/0.png": {"no_path_tricks"},
    b"ant/../../0.png": {"no_path_tricks"},
    b"..": {"no_path_tricks"},
    b"ant\\..\\0.png": {"no_path_tricks"},
    b"C:/ant/0.png": {"no_path_tricks"},
    b"c:0.png": {"no_path_tricks"},
    b"\\\\host\\share\\0.png": {"no_path_tricks"},
    b"ant/0.png\0.txt": set(),
    b".": set(),
    b"./": set(),
    b"./.": set(),
    b"//": {"no_path_tricks"},
    b"0.png": set(),
    b"ant/" + b"x" * 300 + b".png": set(),
    b"d/" * 3000 + b"0.png": set(),
    b"a" * 65000: set(),
}


def _names(bad: bytes) -> bytes:
    return raw_zip([Member(stored=image()), Member(name=bad, stored=image())])


def _bomb(ratio: int, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=9) as archive, archive.open("ant/0.png", "w") as member:
        for _ in range(ratio):
            member.write(bytes(MiB))
    return buffer.getvalue()


def _overlapping_bomb() -> bytes:
    """Many members that share one deflated kernel, as in overlapping zip bombs."""
    kernel = deflated(bytes(8 * MiB))
    first = Member(name=b"ant/0.png", stored=kernel, method=8, size=8 * MiB, crc=zlib.crc32(bytes(8 * MiB)))
    crc, size = first.crc, first.size
    others = [
        Member(
            name=b"ant/%d.png" % i,
            method=8,
            central_offset=0,
            central_compressed=len(kernel),
            central_size=size,
            central_crc=crc,
        )
        for i in range(1, 200)
    ]
    return raw_zip([first, *others])


def zip_cases() -> Iterator[Case]:
    """Yield every lie, to each reader of zips."""
    for what, data, rules in _lies():
        for reader in READERS:
            fitting = rules if reader == "class_folders" else set()
            yield Case(f"zip {what}, {reader}", reader, lazily(lambda d: {"upload": d}, data), frozenset(fitting))
    for name, rules in NAMES.items():
        label = f"zip name {name[:24]!r}"
        yield Case(label, "class_folders", lazily(lambda n: {"set.zip": _names(n)}, name), frozenset(rules), not rules)
    ratio = frozenset({"compression_ratio"})
    yield Case("zip bomb 1000:1", "auto", lazily(lambda: {"set.zip": _bomb(100)}), ratio)
    yield Case(
        "zip bomb below the free size", "auto", lazily(lambda: {"set.zip": _bomb(60)}), frozenset({"readable_image"})
    )
    yield Case("zip bomb in a zip", "auto", lazily(lambda: {"set.zip": zipped({"a/1.zip": _bomb(100)})}), ratio)
    yield Case("zip bomb overlapping", "auto", lazily(lambda: {"set.zip": _overlapping_bomb()}))
    yield Case("zip of itself named png", "auto", lazily(lambda: {"set.zip": zipped({"a/1.png": zipped(folders())})}))
    yield Case(
        "zip with bzip2 bomb",
        "auto",
        lazily(lambda: {"set.zip": _bomb(100, zipfile.ZIP_BZIP2)}),
        frozenset({"stored_or_deflated"}),
    )
    yield Case("zip of 20,000 empty members", "auto", partial(_many_members, 20_000), frozenset({"not_empty"}))
    count = frozenset({"member_count"})
    yield Case("zip of 1,000,000 empty members", "auto", partial(_many_members, 10**6), count)
    yield Case(
        "zip of 1,000,000 empty members, counted as 16,960",
        "auto",
        partial(_many_members, 10**6, zip64=False),
        frozenset({"headers_agree"}),
    )


def _many_members(count: int, folder: Path, zip64: bool = True) -> None:
    """Write `ant/0000000.txt` and so on; without `zip64` the end holds what 16 bits hold of the count."""
    name = b"ant/%07d.txt" % 0
    local, indexed = (
        np.tile(np.frombuffer(header + name, np.uint8), (count, 1))
        for header in (
            struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0x21, 0, 0, 0, len(name), 0),
            struct.pack("<4s6H3L5H2L", b"PK\1\2", 0x314, 20, 0, 0, 0, 0x21, 0, 0, 0, len(name), *[0] * 6),
        )
    )
    numbers = np.arange(count, dtype="<u4")
    for digit in range(7):
        for headers in (local, indexed):
            headers[:, digit - 11] = ord("0") + numbers // 10 ** (6 - digit) % 10
    offsets = numbers * np.uint32(local.shape[1])
    indexed[:, 42:46] = offsets.view(np.uint8).reshape(count, 4)
    record = _zip64(count, indexed.size, local.size) if zip64 else b""
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count % 2**16, count % 2**16, indexed.size, local.size, 0)
    (folder / "set.zip").write_bytes(b"".join((local.tobytes(), indexed.tobytes(), record, end)))
