"""Bytes of a label-augmented set: as the paper counts them, as plain arrays, and as in our archive."""

import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from workers.ladd.normalization import to_pixels

_ROWS = 256
_INDEX_ENTRY = 46
"""Size of a member's entry in a zip's index, without its name and extra fields."""


def storage(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64] | NDArray[np.float32],
    dense_labels: NDArray[np.float32],
    archive: Path,
) -> dict[str, Any]:
    """Count the bytes of the plain and the augmented set three ways (the API's `Storage`).

    `paper`: Python's zipfile (deflate) around uint8 images and float32 labels, the set's own (classes or soft labels)
    and dense (Kang, Lim & Shim 2025, section 4.3); `raw`: the same arrays unzipped; `stored`: the archive, with and
    without its dense labels, and in both without the labels of whole images, which take `full_labels_bytes` more.
    `overhead` is the extra as a fraction of the plain bytes. `images` is uint8 [M, H, W, C]: see `pixels_of`.
    """
    plain: dict[str, NDArray[np.generic]] = {"images": images, "labels": labels.astype(np.float32)}
    augmented = {**plain, "dense_labels": dense_labels}
    full_labels = _member_bytes(archive, "full_labels.npy")
    stored = archive.stat().st_size - full_labels
    return {
        "paper": _count(_zipped_bytes(plain), _zipped_bytes(augmented)),
        "raw": _count(_raw_bytes(plain), _raw_bytes(augmented)),
        "stored": _count(stored - _member_bytes(archive, "dense_labels.npy"), stored),
        "encoding": str(dense_labels.dtype),
        "full_labels_bytes": full_labels,
    }


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


def _count(plain: int, augmented: int) -> dict[str, Any]:
    return {"plain_bytes": plain, "augmented_bytes": augmented, "overhead": (augmented - plain) / plain}


def _zipped_bytes(arrays: dict[str, NDArray[np.generic]]) -> int:
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=array.nbytes > zipfile.ZIP64_LIMIT // 2) as member:
                    npy_format.write_array(member, array, allow_pickle=False)
        return file.seek(0, 2)


def _raw_bytes(arrays: dict[str, NDArray[np.generic]]) -> int:
    return sum(array.nbytes for array in arrays.values())


def _member_bytes(path: Path, name: str) -> int:
    """Bytes that the archive has because of one member: the member itself and its entry in the zip's index."""
    with zipfile.ZipFile(path) as archive:
        members = sorted(archive.infolist(), key=lambda member: member.header_offset)
        names = [member.filename for member in members]
        member = members[names.index(name)]
        ends = [member.header_offset for member in members[1:]] + [archive.start_dir]
    index_entry = _INDEX_ENTRY + len(member.filename) + len(member.extra)
    return ends[names.index(name)] - member.header_offset + index_entry
