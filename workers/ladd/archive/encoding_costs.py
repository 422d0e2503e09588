"""The cost of each encoding of a set's dense labels: bytes against those of the images, and distance to float32."""

import io
import tempfile
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray
from PIL import Image

from api_schemas.storage import EncodingCost
from workers.ladd.labels.encodings import divergence, encoding_of

JPEG_QUALITY = 75
"""Pillow's default, with which SRe2L and RDED publish their sets."""


def encoding_costs(
    pixels: NDArray[np.uint8], dense_labels: NDArray[np.float32], encodings: Sequence[str]
) -> list[EncodingCost]:
    """Compare encodings of `dense_labels` [M, V, C] for images uint8 [M, H, W, C].

    `bytes` are those of the zipped (deflate) arrays; the overheads divide them by the bytes of the images as raw
    arrays, zipped, and as JPEG files. `kl` in nats and `total_variation` are means over the views, to float32.
    """
    images = {"raw": pixels.nbytes, "zipped": zipped_bytes({"images": pixels}), "jpeg": jpeg_bytes(pixels)}
    rows = []
    for name in encodings:
        encoding = encoding_of(name)
        members = encoding.encode(dense_labels)
        kl, variation = divergence(dense_labels, encoding.decode(members, dense_labels.shape[2]))
        size = zipped_bytes(members)
        overheads = {f"overhead_{form}": size / count for form, count in images.items()}
        rows.append(EncodingCost(encoding=name, bytes=size, **overheads, kl=kl, total_variation=variation))
    return rows


def zipped_bytes(arrays: Mapping[str, NDArray[np.generic]]) -> int:
    """Return the size of a zip (deflate) with each array as an `.npy` file."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=array.nbytes > zipfile.ZIP64_LIMIT // 2) as member:
                    npy_format.write_array(member, array, allow_pickle=False)
        return file.seek(0, 2)


def jpeg_bytes(pixels: NDArray[np.uint8]) -> int:
    """Return the size of all images [M, H, W, C], C of 1 or 3, as JPEG files of quality 75."""
    total = 0
    for image in pixels:
        buffer = io.BytesIO()
        Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(buffer, "JPEG", quality=JPEG_QUALITY)
        total += buffer.tell()
    return total
