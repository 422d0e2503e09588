"""The kind of a file that is not what its name says, by its first bytes."""

_MAGIC = (
    (0, b"\xff\xd8\xff", "a broken JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "a broken PNG"),
    (8, b"WEBP", "a broken WebP"),
    (4, b"ftypavi", "an AVIF image"),
    (4, b"ftyphei", "a HEIC image"),
    (4, b"ftyphev", "a HEIC image"),
    (4, b"ftypmif1", "a HEIC image"),
    (4, b"ftyp", "a video"),
    (0, b"GIF8", "a GIF"),
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%PDF", "a PDF"),
    (0, b"PK\x03\x04", "a zip"),
    (0, b"\x1f\x8b", "a gzip"),
    (0, b"\x93NUMPY", "an .npy array"),
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the file it stands for"),
)
"""(offset, bytes, what begins so), the first that fits."""
_SHOWN = 16


def kind_of(data: bytes) -> str:
    """Return in words what a file is, by its content."""
    if not data:
        return "an empty file"
    for offset, magic, kind in _MAGIC:
        if data.startswith(magic, offset):
            return kind
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page"
    if start.startswith((b"<?xml", b"<svg")):
        return "an XML or SVG file"
    if not data[:512].strip(b"\0"):
        return "a file of zeros"
    text = data[:_SHOWN].decode(errors="replace")
    if text.isascii() and text.replace("\n", " ").replace("\t", " ").replace("\r", " ").isprintable():
        return f"text that begins {text!r}"
    return f"a file that begins {data[:8].hex(' ')}"
