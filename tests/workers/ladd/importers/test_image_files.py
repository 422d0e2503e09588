"""Encoded images are decoded and resized, within limits."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from api_schemas.problems import Reason
from workers.ladd.importers.image_files import decode, one_thread, resize
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.rejected import ImportRejected

Encoding = Callable[..., bytes]

RNG = np.random.default_rng(0)


def refusal(action: Callable[[], object]) -> Reason:
    with pytest.raises(ImportRejected) as caught:
        action()
    [reason] = caught.value.reasons
    assert reason.location == "set.zip/a.png"
    return reason


def refusal_of(data: bytes) -> Reason:
    return refusal(lambda: decode(data, "set.zip/a.png"))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM"])
def test_lossless_images_come_out_as_they_went_in(encoded: Encoding, kind: str) -> None:
    pixels = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    decoded, gray = decode(encoded(pixels=pixels, kind=kind), "a")
    np.testing.assert_array_equal(decoded, pixels)
    assert not gray


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_images_come_out_close(encoded: Encoding, kind: str) -> None:
    decoded, _ = decode(encoded(16, 16, (200, 100, 50), kind=kind), "a")
    assert np.abs(decoded.astype(int) - (200, 100, 50)).max() < 10


@pytest.mark.parametrize(
    ("mode", "color", "expected", "is_gray"),
    [
        ("L", 7, (7, 7, 7), True),
        ("LA", (7, 0), (7, 7, 7), True),
        ("1", 1, (255, 255, 255), True),
        ("RGBA", (1, 2, 3, 0), (1, 2, 3), False),
        ("P", 0, (0, 0, 0), False),
    ],
)
def test_every_mode_becomes_rgb(
    encoded: Encoding, mode: str, color: int, expected: tuple[int, ...], is_gray: bool
) -> None:
    decoded, gray = decode(encoded(mode=mode, color=color), "a")
    assert tuple(decoded[0, 0]) == expected
    assert gray is is_gray


def test_sixteen_bit_images_are_refused(encoded: Encoding) -> None:
    data = encoded(pixels=np.full((8, 8), 40_000, np.uint16))
    assert refusal_of(data).rule == "eight_bit_images"


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_truncated_images_are_refused(encoded: Encoding, kind: str, kept: float) -> None:
    data = encoded(pixels=RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8), kind=kind)
    assert refusal_of(data[: int(len(data) * kept)]).rule == "readable_image"


def test_other_formats_are_refused(encoded: Encoding) -> None:
    assert refusal_of(encoded(kind="TIFF")).rule == "readable_image"
    assert refusal_of(b"<svg/>").rule == "readable_image"
    assert refusal_of(b"").rule == "readable_image"


@pytest.mark.parametrize("side", [6_000, 12_000, 60_000])
def test_an_image_that_claims_too_many_pixels_is_refused_undecoded(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    assert side**2 > limits.IMAGE_PIXELS
    assert refusal_of(data).rule == "image_pixels"


def test_an_image_of_the_right_size_is_left_alone() -> None:
    pixels = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    for how in ("center_crop", "squash"):
        assert resize(pixels, 16, how, "a") is pixels


def test_squash_is_the_peers_resize_of_a_tensor() -> None:
    """MTT: ToTensor, then Resize((16, 16)) of a torchvision whose tensors are not antialiased."""
    pixels = RNG.integers(0, 256, (40, 24, 3), dtype=np.uint8)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    expected = F.interpolate(tensor, (16, 16), mode="bilinear", align_corners=False, antialias=False)[0]
    squashed = resize(pixels, 16, "squash", "a")
    assert np.abs(squashed / 255 - expected.permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6


def test_center_crop_keeps_the_aspect_and_the_middle() -> None:
    """GLaD: Resize(16) of the shorter side, 40x24 to 26x16, then CenterCrop(16)."""
    pixels = RNG.integers(0, 256, (40, 24, 3), dtype=np.uint8)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    whole = F.interpolate(tensor, (26, 16), mode="bilinear", align_corners=False, antialias=False)[0]
    expected = whole[:, 5:21].permute(1, 2, 0).numpy()
    cropped = resize(pixels, 16, "center_crop", "a")
    assert cropped.shape == (16, 16, 3)
    assert np.abs(cropped / 255 - expected).max() <= 0.5 / 255 + 1e-6


def test_a_needle_is_refused_before_it_is_stretched() -> None:
    needle = np.zeros((1, 100_000, 3), np.uint8)
    assert refusal(lambda: resize(needle, 128, "center_crop", "set.zip/a.png")).rule == "aspect_ratio"


def test_threads_are_given_back() -> None:
    threads = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (b"<html>404</html>", "an HTML page"),
        (b"\n<!DOCTYPE html><html>", "an HTML page"),
        (b"\0\0\0\x1cftypheic\0\0\0\0", "a HEIC image"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF image"),
        (b"GIF89a" + bytes(20), "a GIF"),
        (b"Not Found", "text that begins 'Not Found'"),
        (b"\xff\xd8\xff", "a broken JPEG"),
        (bytes(99), "a file of zeros"),
        (b"\x01\x02\xf3\x04", "a file that begins 01 02 f3 04"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, not the file it stands for"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_image_is_called_by_what_it_is(data: bytes, found: str) -> None:
    with pytest.raises(ImportRejected) as caught:
        decode(data, "a/1.jpg")
    [reason] = caught.value.reasons
    assert (reason.rule, reason.location, reason.value) == ("readable_image", "a/1.jpg", found)
    assert reason.message == f"not an image of JPEG, PNG, BMP, WebP, PPM: {found}"
