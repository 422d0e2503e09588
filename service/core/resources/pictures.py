"""Single images of a set as PNG, read out of the stored arrays without loading them."""

import io
import math
from typing import TYPE_CHECKING

from api_schemas.datasets import DatasetStats
from api_schemas.problems import ErrorCode
from method.files import IMAGES, LABEL_GRID, PREVIEW
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, not_found
from service.core.objects.storage import blob_key
from service.core.resources.datasets import manifest_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEADER_BYTES = 1024
"""Read to find an npy file's header, which numpy writes in 128."""


def preview_url(core: Core, dataset_id: str) -> str:
    """Return a link to the preview. Raises ServiceError NOT_FOUND, DATASET_NOT_READY for a set that has none yet."""
    dataset = manifest_of(core, dataset_id)
    preview = dataset.blobs.get(PREVIEW)
    if preview is None:
        raise ServiceError(ErrorCode.DATASET_NOT_READY, f"{dataset.id} is {dataset.state}: there is no preview of it.")
    return core.storage.presign(blob_key(preview.sha256), f"{dataset.id}.png", "image/png")


def label_grid_url(core: Core, dataset_id: str) -> str:
    """Return a link to the dense labels of one image. Raises ServiceError NOT_FOUND, NO_ARCHIVE for a plain set."""
    dataset = manifest_of(core, dataset_id)
    picture = dataset.blobs.get(LABEL_GRID)
    if picture is None:
        raise ServiceError(ErrorCode.NO_ARCHIVE, f"{dataset.id} is not label-augmented, so it has no dense labels.")
    return core.storage.presign(blob_key(picture.sha256), f"dense-labels-{dataset.id}.png", "image/png")


def image_png(core: Core, dataset_id: str, split: str | None, index: int) -> bytes:
    """Return one stored image with its normalization undone, values that are no pixels clipped.

    `split` is `train` (also None) or `val` of a source set. Raises ServiceError NOT_FOUND for a set or image there is
    not, DATASET_NOT_READY for a set without stored images.
    """
    dataset = manifest_of(core, dataset_id)
    if dataset.stats is None:
        raise ServiceError(ErrorCode.DATASET_NOT_READY, f"{dataset.id} is {dataset.state}: its images are not stored.")
    file = IMAGES if IMAGES in dataset.blobs else f"{split or 'train'}_images.npy"
    blob = dataset.blobs.get(file)
    if blob is None or (split is not None and file == IMAGES):
        raise not_found(f"split of {dataset.id}", str(split))
    # A front that is asked for no image does without these and their 17 MiB.
    import numpy as np
    from PIL import Image

    key = blob_key(blob.sha256)
    head = io.BytesIO(core.storage.read_range(key, 0, _HEADER_BYTES))
    np.lib.format.read_magic(head)
    (images, *shape), _, dtype = np.lib.format.read_array_header_1_0(head)
    if not 0 <= index < images:
        raise not_found(f"image among the {images:,} of {dataset.id}", str(index))
    size = math.prod(shape) * dtype.itemsize
    stored = np.frombuffer(core.storage.read_range(key, head.tell() + index * size, size), dtype).reshape(shape)
    pixels = stored if dtype == np.uint8 else _pixels(stored, dataset.stats)
    png = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(png, "PNG")
    return png.getvalue()


def _pixels(image: "NDArray[np.float32]", stats: DatasetStats) -> "NDArray[np.uint8]":
    """Return uint8 [H, W, C] of float32 [C, H, W]."""
    import numpy as np

    values: NDArray[np.float64] = 255.0 * image.astype(np.float64).transpose(1, 2, 0)
    carried = stats.normalization if stats.normalization.applied else None
    if carried and carried.std and carried.mean:
        values = values * carried.std + 255 * np.asarray(carried.mean)
    return np.rint(values).clip(0, 255).astype(np.uint8)
