"""Tars that reach outside, lie about sizes, or hide more in their headers."""

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.valid_files import folders, image, tarred, zipped

MiB = 1024**2
END = bytes(1024)


def member(name: str = "ant/0.png", data: bytes | None = None, **fields: Any) -> bytes:
    """Return one member; `fields` replace those of its header."""
    data = image() if data is None else data
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + data + bytes(-len(data) % 512)


def extended(kind: bytes, data: bytes, size: int | None = None) -> bytes:
    """Return an extended header with this content."""
    info = tarfile.TarInfo("header")
    info.type = kind
    info.size = len(data) if size is None else size
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)


def record(key: bytes, value: bytes) -> bytes:
    """Return one pax record."""
    length = len(key) + len(value) + 3
    total = length + len(str(length + len(str(length))))
    return b"%d %s=%s\n" % (total, key, value)


def patched(data: bytes, position: int, value: bytes) -> bytes:
    """Return a member with bytes of its header replaced and the checksum made right."""
    block = bytearray(data[:512])
    block[position : position + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data[512:]


def _structures() -> Iterator[tuple[str, bytes, set[str]]]:
    only_files, tricks = {"regular_files_only"}, {"no_path_tricks"}
    for kind, what in (
        (tarfile.SYMTYPE, "symlink"), (tarfile.LNKTYPE, "hard link"), (tarfile.CHRTYPE, "character device"),
        (tarfile.BLKTYPE, "block device"), (tarfile.FIFOTYPE, "pipe"), (tarfile.GNUTYPE_SPARSE, "sparse file"),
        (b"M", "multi-volume"), (b"V", "volume label"), (b"Z", "unknown type"), (b"D", "GNU dump directory"),
    ):  # fmt: skip
        yield f"type {what}", member(data=b"", type=kind, linkname="/etc/passwd") + END, only_files
        yield f"type {what} with data", member(type=kind, linkname="../x") + END, only_files
    for name in ("/etc/cron.d/0.png", "../0.png", "ant/../../0.png", "..", "a\\..\\0.png", "C:/0.png"):
        yield f"name {name}", member(name) + END, tricks
        yield (
            f"GNU long name {name}",
            extended(tarfile.GNUTYPE_LONGNAME, name.encode() + b"\0") + member() + END,
            tricks,
        )
        yield f"pax path {name}", extended(tarfile.XHDTYPE, record(b"path", name.encode())) + member() + END, tricks
    for name in (".", "./", "./.", "0.png", "ant/.hidden.png", "ant/" + "n" * 251 + ".png", "d/" * 2000 + "0.png"):
        yield f"odd name {name[:20]} of {len(name)}", member(name) + END, set()
    yield "name of no characters", member("") + END, tricks
    yield "name with a null byte in pax", extended(b"x", record(b"path", b"ant/0\0.png")) + member() + END, tricks
    yield "name that is not UTF-8", member("ant/\udcff\udcfe.png") + END, {"utf8_names"}
    yield "class that is not UTF-8", member("\udce9/0.png") + member("\udcea/1.png") + END, {"utf8_names"}
    yield (
        "pax path that is a surrogate",
        extended(b"x", record(b"path", b"\xed\xa0\x80/0.png")) + member() + END,
        {"utf8_names"},
    )
    yield "pax size", extended(b"x", record(b"size", b"99999999999")) + member() + END, only_files
    yield "pax sparse map", extended(b"x", record(b"GNU.sparse.major", b"1")) + member() + END, only_files
    for broken in (b"", b"x", b"5", b"-1 path=a\n", b"0 path=a\n", b"99 path=a\n", b"4 a\n", b"\xff" * 20, b"9" * 5000):
        yield f"pax record {broken[:12]!r}", extended(b"x", broken) + member("bee/1.png") + END, set()
    yield "pax header of 2^33 bytes", extended(b"x", b"", 2**33 - 1) + END, {"header_size"}
    yield "GNU long name of 2^33 bytes", extended(b"L", b"", 2**33 - 1) + END, {"header_size"}
    yield "long name, then nothing", extended(b"L", b"ant/0.png\0"), {"not_truncated"}
    yield "1,000 long names", extended(b"L", b"ant/0.png\0") * 1000 + member() + END, set()
    yield "global pax header of 2^33 bytes", extended(b"g", b"", 2**33 - 1) + END, {"header_size"}
    sizes = {
        "2^33": b"77777777777\0",
        "negative": b"\xff" * 12,
        "2^63": b"\x80\0\0\0\x80" + bytes(7),
        "2^87": b"\x80" + b"\xff" * 11,
        "not octal": b"99999999999\0",
        "empty": bytes(12),
        "one more": b"%011o\0" % (len(image()) + 512),
    }
    for what, size in sizes.items():
        yield f"size {what}", patched(member(), 124, size) + END, set()
        yield f"directory of size {what}", patched(member("ant/", type=tarfile.DIRTYPE), 124, size) + END, set()
    yield "checksum wrong", member()[:148] + b"0000000\0" + member()[156:] + END, set()
    yield "checksum not octal", member()[:148] + b"zzzzzzz\0" + member()[156:] + END, set()
    yield "second header broken", member() + b"\xff" * 512 + END, {"readable_archive"}
    yield "no end", member() + member("bee/1.png"), {"not_truncated"}
    yield "ends within the data", member()[:600], {"not_truncated"}
    yield "zip behind a tar", member() + END + zipped(folders()), {"one_container"}
    yield "nothing but zeros", bytes(10240), set()
    yield "empty", END, set()
    yield "one class", tarred({"ant/0.png": image(), "ant/1.png": image()}), {"two_classes"}
    yield "two top folders", tarred({"a/ant/0.png": image(), "b/bee/0.png": image()}), {"class_folder_layout"}


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda d: lzma.compress(d, lzma.FORMAT_ALONE),
}


def _gzips() -> Iterator[tuple[str, Callable[[], bytes], set[str]]]:
    tar = tarred(folders())
    yield "bomb", lambda: gzip.compress(member(data=bytes(100 * MiB)) + END), {"member_size"}
    yield (
        "bomb in skipped files",
        lambda: gzip.compress(member("a/0.txt", bytes(100 * MiB)) + END),
        {"compression_ratio"},
    )
    yield "bomb of headers", lambda: gzip.compress(member("a/0.txt", b"") * 150_000), {"compression_ratio"}
    yield "in gzip", lambda: gzip.compress(gzip.compress(tar)), set()
    yield "cut", lambda: gzip.compress(tar)[:-200], {"not_truncated", "readable_archive"}
    yield "checksum wrong", lambda: gzip.compress(tar)[:-8] + bytes(8), set()
    yield "garbage behind", lambda: gzip.compress(tar) + b"garbage", set()
    yield "deflate broken", lambda: gzip.compress(tar)[:30] + b"\xff" * 60 + gzip.compress(tar)[90:], set()
    yield "header only", lambda: gzip.compress(tar)[:10], set()
    yield "extra field without end", lambda: b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + b"x" * 20, set()
    yield "name without end", lambda: b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * 2000, set()
    yield "unknown method", lambda: b"\x1f\x8b\x07" + gzip.compress(tar)[3:], set()
    yield "of nothing", lambda: gzip.compress(b""), set()
    yield "of a zip", lambda: gzip.compress(zipped(folders())), set()
    yield "many streams", lambda: gzip.compress(b"") * 20_000 + gzip.compress(tar), set()
    for name, pack in PACKERS.items():
        yield f"{name} instead", partial(pack, tar), {"known_format"}


def tar_cases() -> Iterator[Case]:
    """Yield tars, then gzipped ones."""
    for what, data, rules in _structures():
        yield Case(f"tar {what}", "auto", lazily(lambda d: {"set.tar": d}, data), frozenset(rules), not rules)
    yield Case("tar of 1,000,000 empty members", "auto", _many_members, frozenset({"not_empty"}))
    for what, make, rules in _gzips():
        yield Case(f"gzip {what}", "auto", lazily(lambda m: {"set.tar.gz": m()}, make), frozenset(rules), not rules)


def _many_members(folder: Path) -> None:
    with (folder / "set.tar").open("wb") as file:
        for _ in range(100):
            file.write(member("ant/0.txt", b"") * 10_000)
        file.write(END)
