"""Single images of a set as PNG, read out of the stored arrays without loading them."""

import io
from typing import TYPE_CHECKING

from api_schemas.problems import ErrorCode
from method.files import IMAGES, LABELS, PREVIEW, TRAIN_IMAGES, TRAIN_LABELS
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, not_found
from service.core.objects.storage import blob_key
from service.core.resources.datasets import manifest_of
from service.core.resources.stored_array import StoredArray

if TYPE_CHECKING:
    from PIL import Image

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""How Pillow calls images of so many channels."""


def preview_url(core: Core, dataset_id: str) -> str:
    """Return a link to the preview. Raises ServiceError NOT_FOUND, DATASET_NOT_READY for a set that has none yet."""
    dataset = manifest_of(core, dataset_id)
    preview = dataset.blobs.get(PREVIEW)
    if preview is None:
        raise ServiceError(ErrorCode.DATASET_NOT_READY, f"{dataset.id} is {dataset.state}: there is no preview of it.")
    return core.storage.presign(blob_key(preview.sha256), f"{dataset.id}.png", "image/png")


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
    images = StoredArray(core.storage, blob)
    if not 0 <= index < images.shape[0]:
        raise not_found(f"image among the {images.shape[0]:,} of {dataset.id}", str(index))
    return png(picture_of(dataset, images, index))


def first_of_classes(core: Core, dataset_id: str) -> dict[int, int]:
    """Return {label: place of its first image} of a distilled set that is ready. Raises ServiceError NOT_FOUND."""
    return StoredArray(core.storage, manifest_of(core, dataset_id).blobs[LABELS]).first_places()


SHEET_IMAGES, SHEET_COLUMNS, SHEET_SIDE = 50, 10, 64
"""Images of a class on its sheet at most, in a row, and pixels of a side: larger ones are shrunk to it."""


def class_sheet_png(core: Core, dataset_id: str, label: int) -> bytes:
    """Return the first images of a class in one picture, those of a source set from `train`.

    Raises ServiceError NOT_FOUND for a set or class there is not, DATASET_NOT_READY for a set without stored images.
    """
    from PIL import Image

    dataset = manifest_of(core, dataset_id)
    if dataset.stats is None:
        raise ServiceError(ErrorCode.DATASET_NOT_READY, f"{dataset.id} is {dataset.state}: its images are not stored.")
    files = (IMAGES, LABELS) if IMAGES in dataset.blobs else (TRAIN_IMAGES, TRAIN_LABELS)
    images, labels = (StoredArray(core.storage, dataset.blobs[file]) for file in files)
    places = labels.places_of(label, SHEET_IMAGES)
    if not places:
        raise not_found(f"class of {dataset.id}", str(label))
    pictures = [_picture(dataset, images, stored).convert("RGB") for stored in images.rows(places)]
    side = min(SHEET_SIDE, pictures[0].width)
    columns = min(SHEET_COLUMNS, len(pictures))
    sheet = Image.new("RGB", (columns * side, -(-len(pictures) // columns) * side))
    for number, picture in enumerate(pictures):
        down, right = divmod(number, columns)
        sheet.paste(picture.resize((side, side), Image.Resampling.BOX), (right * side, down * side))
    return png(sheet)


def picture_of(dataset: DatasetManifest, images: StoredArray, index: int) -> "Image.Image":
    """Return an image out of the array of a set that is ready, the normalization undone."""
    return _picture(dataset, images, images.row(index))


def _picture(dataset: DatasetManifest, images: StoredArray, stored: bytes) -> "Image.Image":
    # A front that is asked for no image does without it.
    from PIL import Image

    shape = images.shape[1:]
    if images.dtype == "|u1":  # [H, W, C]
        height, width, channels = shape
        return Image.frombytes(_MODES[channels], (width, height), stored)
    channels, height, width = shape
    planes = Image.frombytes("F", (width, channels * height), stored)
    mean, std = dataset.measured.normalization.carried or ([0.0] * channels, [1.0] * channels)
    return Image.merge(
        _MODES[channels],
        [
            # "L" clips what is no pixel and cuts off fractions, hence the half.
            planes.crop((0, channel * height, width, (channel + 1) * height))
            .point(lambda value, channel=channel: value * (255 * std[channel]) + (255 * mean[channel] + 0.5))
            .convert("L")
            for channel in range(channels)
        ],
    )


def png(picture: "Image.Image") -> bytes:
    """Return a picture as a file."""
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()
