"""From arrays as found in a file to images and labels in our layouts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.sets.stored_set import Labels

CHANNELS = (1, 3)
_FLOATS = (np.float16, np.float32, np.float64)
_MATLAB = "[H, W, C, n]"
_LAYOUTS = {"[n, H, W, C]": (0, 1, 2, 3), "[n, C, H, W]": (0, 2, 3, 1), _MATLAB: (3, 0, 1, 2)}
"""Axes of n, height, width and channels: TensorFlow's and JAX's, torch's, and that of SVHN's `.mat` files."""


def as_images(array: NDArray[np.generic], location: str) -> NDArray[np.generic]:
    """Return images as uint8 [n, H, W, C] or float [n, C, H, W], as a view of `array`.

    They may come as any of `_LAYOUTS`, told apart by which axis has 1 or 3 entries, else by which images are square;
    or as [n, H, W] grayscale. Raises ImportRejected with rule `image_dtype` or `image_layout`.
    """
    if array.dtype != np.uint8 and array.dtype not in _FLOATS:
        message = f"images must be uint8 or float16, float32 or float64, these are {array.dtype}; "
        send = "send pixels from 0 to 255 as uint8" if array.dtype.kind in "biu" else "send them as float32"
        raise rejected(location, "image_dtype", array.dtype, message + send)
    eight_bit = array.dtype == np.uint8
    if array.ndim == 3:
        return array[..., np.newaxis] if eight_bit else array[:, np.newaxis]
    axes = _axes(array.shape, location)
    return array.transpose(axes if eight_bit else (axes[0], axes[3], axes[1], axes[2]))


def _axes(shape: tuple[int, ...], location: str) -> tuple[int, ...]:
    """Return which axes of images are n, height, width and channels."""
    fitting = {}
    for layout, axes in _LAYOUTS.items() if len(shape) == 4 else ():
        _, height, width, channels = (shape[axis] for axis in axes)
        if channels in CHANNELS and (height == width or layout != _MATLAB):
            fitting[layout] = axes, height == width
    if len(fitting) > 1:
        fitting = {layout: (axes, square) for layout, (axes, square) in fitting.items() if square}
    if len(fitting) != 1:
        message = (
            f"the axes of {shape} are not those of one of {', '.join(_LAYOUTS)} alone, with 1 or 3 channels C; "
            "grayscale images may be [n, H, W], too. Send images transposed to one of these"
        )
        raise rejected(location, "image_layout", shape, message)
    [(axes, _)] = fitting.values()
    return axes


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
