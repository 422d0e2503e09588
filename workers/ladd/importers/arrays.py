"""From arrays as found in a file to images and labels in our layouts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.sets.stored_set import Labels

CHANNELS = (1, 3)
_FLOATS = (np.float16, np.float32, np.float64)


def as_images(array: NDArray[np.generic], location: str) -> NDArray[np.generic]:
    """Return images as uint8 [n, H, W, C] or float [n, C, H, W], as a view of `array`.

    8-bit images may come channels-last or channels-first, told apart by which axis has 1 or 3 entries; floats come
    channels-first. Either may be [n, H, W] grayscale. Raises ImportRejected with rule `image_dtype` or `image_layout`.
    """
    if array.dtype != np.uint8 and array.dtype not in _FLOATS:
        raise rejected(location, "image_dtype", array.dtype, "images must be uint8 or float16, float32 or float64")
    channels_last = array.dtype == np.uint8
    if array.ndim == 3:
        return array[..., np.newaxis] if channels_last else array[:, np.newaxis]
    shape = tuple(array.shape)
    if array.ndim != 4:
        raise rejected(
            location, "image_layout", shape, f"images must have 4 axes, or 3 when grayscale; these have {array.ndim}"
        )
    if not channels_last:
        if shape[1] not in CHANNELS:
            raise rejected(
                location, "image_layout", shape, "float images must be [n, channels, height, width], 1 or 3 channels"
            )
        return array
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    if first and last:
        raise rejected(location, "image_layout", shape, "both axis 1 and axis 3 could be the channels")
    if not first and not last:
        raise rejected(location, "image_layout", shape, "neither axis 1 nor axis 3 has 1 or 3 channels")
    return array if last else array.transpose(0, 2, 3, 1)


def as_labels(array: NDArray[np.generic], location: str) -> Labels:
    """Return hard labels [n] int64 from integers [n] or [n, 1].

    Raises ImportRejected with rule `label_layout` or `integer_labels`.
    """
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise rejected(
            location,
            "label_layout",
            f"{array.dtype} {tuple(array.shape)}",
            "labels must be one class index per image, or for each a row of float probabilities or logits",
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise rejected(location, "integer_labels", array.dtype, "labels must be whole class indices of an integer type")
    return array.astype(np.int64)


def check_finite(values: NDArray[Any], location: str, place: str, what: str, first: int = 0) -> None:
    """Raise ImportRejected with rule `finite_values` unless all float32 values are finite.

    The refusal counts rows from `first` on, and calls them `place` (beside the value) and `what` (in its sentence).
    """
    broken = np.argwhere(~np.isfinite(values))
    if len(broken):
        index = tuple(broken[0])
        row = first + index[0]
        message = f"{what} {row} has a value that is not a finite float32 number"
        raise rejected(location, "finite_values", f"{values[index]} in {place} {row}", message)


def stored_number(array: NDArray[np.generic]) -> float:
    """Return the one float in an array as its shortest decimal: the float32 0.01 is 0.01, not 0.009999999776."""
    return float(str(array.reshape(-1)[0]))


def class_major_labels(num_images: int, num_classes: int | None, location: str) -> Labels:
    """Return labels 0..0, 1..1, ... for a set that comes without (as AST's): class-major, equally many per class.

    Raises ImportRejected with rule `labels_present` (the number of classes is unknown) or `images_divide_into_classes`.
    """
    if num_classes is None:
        raise rejected(
            "metadata.class_map",
            "labels_present",
            None,
            "no file holds labels; name the classes by class_map or source_dataset, and the images are taken class by "
            "class",
        )
    per_class, rest = divmod(num_images, num_classes)
    if rest or not per_class:
        raise rejected(
            location,
            "images_divide_into_classes",
            f"{num_images} images, {num_classes} classes",
            f"{num_images} images do not divide into {num_classes} classes of equal size",
        )
    return np.repeat(np.arange(num_classes, dtype=np.int64), per_class)
