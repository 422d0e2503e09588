"""Encoded images that inflate, lie, move or break, each in a class folder beside a good one."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.valid_files import PIXELS, image, tarred

MiB = 1024**2
UNREADABLE, TOO_LARGE = frozenset({"readable_image"}), frozenset({"image_pixels"})


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    """Return a PNG chunk."""
    return (
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data) if crc is None else crc)
    )


def png(
    width: int,
    height: int,
    depth: int = 8,
    color: int = 2,
    data: bytes | None = None,
    extra: bytes = b"",
    end: bytes = chunk(b"IEND", b""),
) -> bytes:
    """Return a PNG by its chunks."""
    rows = bytes(height * (width * 3 + 1)) if data is None else data
    head = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + end


def _encoded(kind: str, mode: str = "RGB", frames: int = 1, size: tuple[int, int] = (8, 8)) -> bytes:
    buffer = io.BytesIO()
    pictures = [Image.new(mode, size, 1 + n) for n in range(frames)]
    pictures[0].save(buffer, kind, **({"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}))
    return buffer.getvalue()


def _patched(data: bytes, position: int, value: bytes) -> bytes:
    return data[:position] + value + data[position + len(value) :]


def _jpeg_of(width: int, height: int) -> bytes:
    data = image(kind="JPEG")
    frame = data.index(b"\xff\xc0") + 5
    return _patched(data, frame, struct.pack(">HH", height, width))


PNGS: dict[str, tuple[Callable[[], bytes], frozenset[str]]] = {
    "2^31-1 a side": (lambda: png(2**31 - 1, 2**31 - 1, data=b""), frozenset()),
    "50,000 a side": (lambda: png(50_000, 50_000, data=b""), TOO_LARGE),
    "5,001 a side, all there": (lambda: png(5001, 5001), TOO_LARGE),
    "25 million pixels, absent": (lambda: png(5000, 5000, data=bytes(100)), UNREADABLE),
    "one row of 25 million": (lambda: png(25_000_000, 1, data=bytes(100)), UNREADABLE),
    "no pixels": (lambda: png(0, 0), UNREADABLE),
    "rows missing": (lambda: png(8, 8, data=bytes(10)), UNREADABLE),
    "rows too many": (lambda: png(8, 8, data=bytes(50 * MiB)), frozenset()),
    "unknown color type": (lambda: png(8, 8, color=5), UNREADABLE),
    "unknown depth": (lambda: png(8, 8, depth=3), UNREADABLE),
    "no palette": (lambda: png(8, 8, color=3), frozenset()),
    "16 bits": (lambda: png(8, 8, 16, 0, bytes(8 * 17)), frozenset({"eight_bit_images"})),
    "text of 100 MiB, compressed": (
        lambda: png(8, 8, extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100 * MiB), 9))),
        frozenset(),
    ),
    "color profile of 100 MiB, compressed": (
        lambda: png(8, 8, extra=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(100 * MiB), 9))),
        frozenset(),
    ),
    "international text of 100 MiB": (
        lambda: png(8, 8, extra=chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(100 * MiB), 9))),
        frozenset(),
    ),
    "1,000 texts": (lambda: png(8, 8, extra=chunk(b"tEXt", b"a\0" + b"b" * 1000) * 1000), frozenset()),
    "chunk of 2^31 bytes": (lambda: png(8, 8, extra=struct.pack(">L", 2**31 - 1) + b"tEXt"), UNREADABLE),
    "checksum wrong": (lambda: png(8, 8, extra=chunk(b"gAMA", b"1234", 0)), frozenset()),
    "IHDR twice": (
        lambda: png(8, 8, extra=chunk(b"IHDR", struct.pack(">LLBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))),
        frozenset(),
    ),
    "IHDR too short": (lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"12"), UNREADABLE),
    "no end": (lambda: png(8, 8, end=b""), frozenset()),
    "animated, 2^32-1 frames": (lambda: png(8, 8, extra=chunk(b"acTL", b"\xff" * 8)), frozenset()),
    "animated, 3 frames": (lambda: _encoded("PNG", frames=3), frozenset()),
    "animated, frame outside": (
        lambda: png(
            8,
            8,
            extra=chunk(b"acTL", struct.pack(">LL", 1, 0))
            + chunk(b"fcTL", struct.pack(">5L2H2B", 0, 9999, 9999, 9, 9, 1, 1, 0, 0)),
        ),
        frozenset(),
    ),
    "transparency too long": (lambda: png(8, 8, extra=chunk(b"tRNS", b"x" * 9999)), frozenset()),
    "broken stream": (lambda: png(8, 8)[:45] + b"\xff" * 30, UNREADABLE),
    "EXIF of nonsense": (lambda: png(8, 8, extra=chunk(b"eXIf", b"\xff" * 99)), frozenset()),
}
OTHERS: dict[str, tuple[Callable[[], bytes], frozenset[str]]] = {
    "JPEG of 65,500 a side": (lambda: _jpeg_of(65_500, 65_500), TOO_LARGE),
    "JPEG of 5,000 a side, absent": (lambda: _jpeg_of(5000, 5000), frozenset()),
    "JPEG of no pixels": (lambda: _jpeg_of(0, 0), UNREADABLE),
    "JPEG, half": (lambda: image(kind="JPEG")[:400], UNREADABLE),
    "JPEG, start only": (lambda: b"\xff\xd8\xff", UNREADABLE),
    "JPEG of 1,000 comments": (
        lambda: b"\xff\xd8" + b"\xff\xfe\xff\xff" + bytes(65533) + image(kind="JPEG")[2:],
        frozenset(),
    ),
    "JPEG without tables": (lambda: image(kind="JPEG").replace(b"\xff\xc4", b"\xff\xfe"), frozenset()),
    "JPEG of 255 components": (
        lambda: _patched(image(kind="JPEG"), image(kind="JPEG").index(b"\xff\xc0") + 9, b"\xff"),
        UNREADABLE,
    ),
    "JPEG in CMYK": (lambda: _encoded("JPEG", "CMYK"), frozenset()),
    "JPEG, 5,001 a side": (lambda: image(np.zeros((5001, 5001, 3), np.uint8), "JPEG"), TOO_LARGE),
    "WebP of 16,383 a side": (
        lambda: (
            b"RIFF"
            + struct.pack("<L", 30)
            + b"WEBPVP8X"
            + struct.pack("<L", 10)
            + b"\x02\0\0\0"
            + (16382).to_bytes(3, "little") * 2
            + bytes(8)
        ),
        frozenset(),
    ),
    "WebP of 5,001 a side": (lambda: image(np.zeros((5001, 5001, 3), np.uint8), "WEBP"), TOO_LARGE),
    "WebP, animated": (lambda: _encoded("WEBP", frames=3), frozenset()),
    "WebP, half": (lambda: image(kind="WEBP")[:40], UNREADABLE),
    "WebP, lossless, broken": (lambda: _patched(image(kind="WEBP", lossless=True), 30, b"\xff" * 20), frozenset()),
    "GIF": (lambda: _encoded("GIF", "P"), UNREADABLE),
    "GIF, animated": (lambda: _encoded("GIF", "P", 3), UNREADABLE),
    "TIFF": (lambda: _encoded("TIFF"), UNREADABLE),
    "TIFF of 2^32-1 a side": (
        lambda: b"II*\0\x08\0\0\0\x02\0\0\1\4\0\1\0\0\0\xff\xff\xff\xff\1\1\4\0\1\0\0\0\xff\xff\xff\xff" + bytes(4),
        UNREADABLE,
    ),
    "ICO": (lambda: _encoded("ICO", size=(16, 16)), UNREADABLE),
    "PDF": (lambda: _encoded("PDF"), UNREADABLE),
    "EPS": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(ran) (w) file\n", UNREADABLE),
    "SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", UNREADABLE),
    "BMP of 2^31-1 a side": (
        lambda: _patched(image(kind="BMP"), 18, struct.pack("<ll", 2**31 - 1, 2**31 - 1)),
        TOO_LARGE,
    ),
    "BMP of negative height": (lambda: _patched(image(kind="BMP"), 22, struct.pack("<l", -(2**31))), frozenset()),
    "BMP of 5,000 a side, absent": (
        lambda: _patched(image(kind="BMP"), 18, struct.pack("<ll", 5000, 5000)),
        UNREADABLE,
    ),
    "BMP, unknown compression": (lambda: _patched(image(kind="BMP"), 30, struct.pack("<L", 77)), UNREADABLE),
    "BMP, data before the header": (lambda: _patched(image(kind="BMP"), 10, bytes(4)), frozenset()),
    "PPM of 10^9 a side": (lambda: b"P6 1000000000 1000000000 255\n", TOO_LARGE),
    "PPM of huge numbers": (lambda: b"P6 " + b"9" * 5000 + b" 8 255\n", UNREADABLE),
    "PPM of text": (lambda: b"P3 8 8 255\n" + b"7 " * 50, UNREADABLE),
    "PPM of 16 bits": (lambda: b"P5 8 8 65535\n" + bytes(128), frozenset({"eight_bit_images"})),
    "PPM of floats": (lambda: b"Pf 8 8 -1.0\n" + bytes(256), frozenset()),
    "PPM of maximum 0": (lambda: b"P6 8 8 0\n" + bytes(192), UNREADABLE),
    "no bytes": (lambda: b"", UNREADABLE),
    "text": (lambda: b"not an image", UNREADABLE),
    "float TIFF as PNG": (lambda: _encoded("TIFF", "F"), UNREADABLE),
    "another size": (lambda: image(np.zeros((9, 9, 3), np.uint8)), frozenset({"one_image_size"})),
    "not square": (lambda: image(np.zeros((8, 80, 3), np.uint8)), frozenset({"one_image_size"})),
}


def image_cases() -> Iterator[Case]:
    """Yield images as they are and, where sizes matter, to be resized."""
    for what, (make, rules) in {**PNGS, **OTHERS}.items():
        files = lazily(lambda m: {"set.tar": tarred({"ant/0.png": image(PIXELS[0]), "bee/1.png": m()})}, make)
        label = what if what in OTHERS else f"PNG {what}"
        yield Case(f"image {label}", "class_folders", files, rules, not rules)
        resized = rules - {"one_image_size"} | ({"aspect_ratio", "readable_image"} if rules else frozenset())
        yield Case(f"image {label}, resized", "auto", files, frozenset(resized), True, {"resolution": 16})
