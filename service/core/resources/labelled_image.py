"""One image of a label-augmented set with its dense labels, read out of the stored arrays without loading them."""

import struct
from dataclasses import dataclass

from api_schemas.problems import ErrorCode
from method.files import DENSE_LABELS, LABELS
from method.views import crop_offsets, crop_side
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, invalid
from service.core.resources.datasets import manifest_of
from service.core.resources.stored_array import StoredArray


@dataclass(frozen=True)
class LabelledImage:
    """`images`: how many the set has; `label`: the class of this one; `dense` [n * n][classes], by rows of views.

    `side` and `offsets` are the pixels of the views along either axis.
    """

    dataset: DatasetManifest
    index: int
    images: int
    label: int
    dense: list[tuple[float, ...]]
    n: int
    size: int
    side: int
    offsets: tuple[int, ...]

    @property
    def names(self) -> list[str]:
        """The classes of the set, by label."""
        return [count.name for count in self.dataset.measured.class_counts]


def labelled_image(core: Core, dataset_id: str, index: int) -> LabelledImage:
    """Return an image of a label-augmented set.

    Raises ServiceError NOT_FOUND, NO_ARCHIVE for a plain set, INVALID_REQUEST for an image that there is not.
    """
    dataset = manifest_of(core, dataset_id)
    made = dataset.augmentation
    if made is None or DENSE_LABELS not in dataset.blobs:
        raise ServiceError(ErrorCode.NO_ARCHIVE, f"{dataset.id} is not label-augmented, so it has no dense labels.")
    labels, dense = (StoredArray(core.storage, dataset.blobs[file]) for file in (LABELS, DENSE_LABELS))
    count, views, classes = dense.shape
    if not 0 <= index < count:
        message = f"{dataset.id} has {count:,} images, of index 0 to {count - 1:,}"
        raise invalid("query.index", "index_within_set", index, message)
    (label,) = struct.unpack("<q", labels.row(index))
    flat = struct.unpack(f"<{views * classes}f", dense.row(index))
    rows = [flat[view * classes : (view + 1) * classes] for view in range(views)]
    size = dataset.measured.image_shape[2]
    return LabelledImage(
        dataset,
        index,
        count,
        label,
        rows,
        made.n,
        size,
        crop_side(made.ratio, size),
        crop_offsets(made.n, made.ratio, size),
    )
