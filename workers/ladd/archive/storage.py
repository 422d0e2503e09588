"""Bytes of a label-augmented set: as the paper counts them, as plain arrays, and as in our archive."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from api_schemas.storage import Storage, StorageCount
from method.files import FULL_LABELS
from workers.ladd.archive.encoding_costs import encoding_costs, zipped_bytes
from workers.ladd.engine.normalization import to_pixels
from workers.ladd.labels.encodings import compared

_ROWS = 256
_INDEX_ENTRY = 46
"""Size of a member's entry in a zip's index, without its name and extra fields."""


def storage(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64] | NDArray[np.float32],
    dense_labels: NDArray[np.float32],
    archive: Path,
    encoding: str = "float32",
) -> Storage:
    """Count the bytes of the plain and the augmented set three ways.

    `paper`: Python's zipfile (deflate) around uint8 images and float32 labels, the set's own (classes or soft labels)
    and dense (Kang, Lim & Shim 2025, section 4.2); `raw`: the same arrays unzipped; `stored`: the archive, with and
    without its dense labels, and in both without the labels of whole images, which take `full_labels_bytes` more.
    `overhead` is the extra as a fraction of the plain bytes. `images` is uint8 [M, H, W, C]: see `pixels_of`.
    `dense_labels` are those of the labeler, which the archive holds in `encoding`; `encodings` compares it with others.
    """
    plain = _plain(images, labels)
    augmented = {**plain, "dense_labels": dense_labels}
    full_labels = _member_bytes(archive, FULL_LABELS)
    stored = archive.stat().st_size - full_labels
    return Storage(
        paper=counted(zipped_bytes(plain), zipped_bytes(augmented)),
        raw=counted(_raw_bytes(plain), _raw_bytes(augmented)),
        stored=counted(stored - _member_bytes(archive, "dense_labels"), stored),
        encoding=encoding,
        full_labels_bytes=full_labels,
        encodings=encoding_costs(images, dense_labels, compared(encoding, dense_labels.shape[2])),
    )


def plain_bytes(
    images: NDArray[np.generic],
    labels: NDArray[np.int64] | NDArray[np.float32],
    carried: tuple[Sequence[float], Sequence[float]] | None,
) -> int:
    """Return the bytes of a stored set without dense labels, as `paper` of `storage` counts it.

    `labels` are the set's own, classes or soft labels, and `carried` the normalization in its images: see `pixels_of`.
    """
    return zipped_bytes(_plain(pixels_of(images, *(carried or (None, None))), labels))


def pixels_of(
    images: NDArray[np.generic], mean: Sequence[float] | None, std: Sequence[float] | None
) -> NDArray[np.uint8]:
    """Return stored images as uint8 [M, H, W, C], the form in which storage is counted.

    8-bit images come back as they are; float32 [M, C, H, W] are freed of the normalization they carry (None: on the
    [0, 1] scale) and clipped to 8 bits.
    """
    if images.dtype == np.uint8:
        return images.astype(np.uint8, copy=False)
    chunks = (torch.from_numpy(np.array(images[start : start + _ROWS])) for start in range(0, len(images), _ROWS))
    return np.concatenate([to_pixels(chunk, mean, std).numpy() for chunk in chunks])


def _plain(
    images: NDArray[np.uint8], labels: NDArray[np.int64] | NDArray[np.float32]
) -> dict[str, NDArray[np.generic]]:
    return {"images": images, "labels": labels.astype(np.float32)}


def counted(plain: int, augmented: int) -> StorageCount:
    """Return the count of a plain set and of what it is augmented to, in bytes."""
    return StorageCount(plain_bytes=plain, augmented_bytes=augmented, overhead=(augmented - plain) / plain)


def _raw_bytes(arrays: dict[str, NDArray[np.generic]]) -> int:
    return sum(array.nbytes for array in arrays.values())


def _member_bytes(path: Path, prefix: str) -> int:
    """Bytes that the archive has because of members whose names begin so: their own and those of the zip's index."""
    total = 0
    with zipfile.ZipFile(path) as archive:
        members = sorted(archive.infolist(), key=lambda member: member.header_offset)
        ends = [member.header_offset for member in members[1:]] + [archive.start_dir]
    for member, end in zip(members, ends, strict=True):
        if member.filename.startswith(prefix):
            total += end - member.header_offset + _INDEX_ENTRY + len(member.filename) + len(member.extra)
    return total
