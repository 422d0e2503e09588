"""Importer for the archives of this service, in each of their forms: sets and their dense labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from method.encodings import FIXED, classes_kept
from workers.ladd.engine.normalization import to_pixels
from workers.ladd.importers.arrays import as_images, as_labels, check_finite
from workers.ladd.importers.imported import (
    DISTILLED_SPLIT,
    Augmented,
    Imported,
    ImportOptions,
    Progress,
    SoftLabels,
    Split,
)
from workers.ladd.importers.own_archive_files import Contents, form_of, read_contents
from workers.ladd.importers.own_manifest import OwnManifest
from workers.ladd.importers.reading import limits
from workers.ladd.importers.reading.described import described
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.importers.reading.uploaded_file import UploadedFile
from workers.ladd.labels.encodings import encoding_of

_SUM_TOLERANCE = 1e-2
"""How far the sum of a label may be from 1: that of float32 softmaxes over thousands of classes is nearer."""
_ROWS = 256


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise one archive, in whatever form."""
    if len(files) != 1 or (form := form_of(files[0])) is None:
        return None
    return f"{files[0].path.name} is an archive of this service, in the form {form}"


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read images, the set's own labels, and the dense labels.

    Raises ImportRejected with rule `one_file`, `distilled_only`, `archive_manifest`, `label_distributions` (labels that
    are none, or not of these images, views and classes), `zca_needs_source`, or one of the readers'.
    """
    options.require_distilled("archives of this service")
    if len(files) != 1:
        raise rejected("files", "one_file", f"{len(files)} files", "an archive is one file")
    name = files[0].path.name
    form = form_of(files[0])
    if form is None:
        raise rejected(
            name, "archive_manifest", files[0].kind, f"{name} is no archive of this service: it has no manifest of one"
        )
    contents = read_contents(files[0], form, scratch)
    manifest, arrays = contents.manifest, contents.arrays
    if missing := {"images", "labels", "dense_labels", "full_labels"} - set(arrays):
        found = ", ".join(f"{key}: {described(array)}" for key, array in arrays.items())
        message = f"the archive lacks {', '.join(sorted(missing))}; it holds {found}"
        raise rejected(name, "array_names", ", ".join(arrays), message)
    if manifest.normalization.name == "zca" and options.normalization != "zca":
        message = "the set was distilled under ZCA: send normalization zca, and the source_dataset to fit it to"
        raise rejected("metadata.normalization", "zca_needs_source", "zca", message)
    pixels = _pixels(name, manifest, as_images(arrays["images"], f"{name}/images"))
    labels = as_labels(arrays["labels"], f"{name}/labels")
    count, classes = len(pixels), manifest.num_classes
    soft = None
    if "soft_labels" in arrays:
        soft = SoftLabels(_distributions(name, "soft_labels", arrays["soft_labels"], (count, classes)), "probabilities")
    dense = _dense(name, contents, (count, manifest.views.n**2, classes))
    full = _distributions(name, "full_labels", arrays["full_labels"], (count, classes))
    rate = manifest.distilled_set.learned_lr
    return Imported(
        {DISTILLED_SPLIT: Split(pixels, labels, f"{name}/images", f"{name}/labels", soft=soft)},
        options.renamed(manifest.classes, name),
        [_made_by(manifest)],
        unnormalized="images of an archive are pixels" if manifest.normalization.name == "zca" else None,
        stored_lr=None if rate is None else (f"{name}/manifest", rate),
        normalization=manifest.normalization_choice,
        augmented=Augmented(dense, full, manifest),
    )


def _pixels(name: str, manifest: OwnManifest, images: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return images as the set has them: those of 8 bits come back from the floats of the form `mtt`."""
    if not manifest.eight_bit or images.dtype == np.uint8:
        return images
    mean, std = manifest.normalization.mean, manifest.normalization.std
    if mean is not None and std is not None and not len(mean) == len(std) == images.shape[1]:
        found = f"{len(mean)} and {len(std)} channels, images of {images.shape[1]}"
        raise rejected(
            name, "archive_manifest", found, f"the normalization of the manifest does not fit the images: {found}"
        )
    chunks = (np.array(images[start : start + _ROWS]) for start in range(0, len(images), _ROWS))
    pixels = [to_pixels(torch.from_numpy(chunk), mean, std).numpy() for chunk in chunks]
    return np.concatenate(pixels) if pixels else np.zeros((0, *images.shape[2:], images.shape[1]), np.uint8)


def _dense(name: str, contents: Contents, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the decoded dense labels float32 [M, V, C]."""
    arrays, encoding = contents.arrays, contents.manifest.encoding
    if 4 * np.prod(shape, dtype=object) > limits.STORED_BYTES:
        message = f"decoded, the dense labels {list(shape)} take more than {limits.STORED_BYTES} bytes"
        raise rejected(f"{name}/dense_labels", "stored_size", list(shape), message)
    dense: NDArray[np.generic] = arrays["dense_labels"]
    if contents.encoded and encoding != FIXED[0]:
        try:
            _check_codes(arrays, shape, encoding)
            with np.errstate(all="ignore"):  # what comes of codes that are none is refused below
                dense = encoding_of(encoding).decode(arrays, shape[2])
        except (KeyError, ValueError, IndexError, TypeError) as error:
            message = f"the dense labels are not in encoding {encoding}, as the manifest says: {error}"
            raise rejected(f"{name}/dense_labels", "label_distributions", described(dense), message) from error
    return _distributions(name, "dense_labels", dense, shape)


def _check_codes(arrays: Mapping[str, NDArray[np.generic]], shape: tuple[int, int, int], encoding: str) -> None:
    """Raise ValueError unless encoded labels have the entries that the encoding gives a label."""
    images, views, classes = shape
    kept = classes_kept(encoding)
    entries = {"dense_labels": -(-classes // 2) if encoding == "uint4" else classes}
    if kept is not None:
        entries = {"dense_labels": kept + 1, "dense_labels_classes": kept}
    for key, count in entries.items():
        if arrays[key].shape != (images, views, count):
            raise ValueError(f"{key} is {described(arrays[key])}, not of shape {[images, views, count]}")


def _distributions(name: str, key: str, array: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.float32]:
    location = f"{name}/{key}"
    if not np.issubdtype(array.dtype, np.floating) or array.shape != shape:
        message = f"{key} must be floats {list(shape)}, of the archive's images, views and classes"
        raise rejected(location, "label_distributions", described(array), f"{message}; they are {described(array)}")
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, dtype=np.float32)
    check_finite(values, location, "row", f"the {key} of image")
    sums = values.sum(axis=-1, dtype=np.float64)
    if values.size and (values.min() < 0 or np.abs(sums - 1).max() > _SUM_TOLERANCE):
        found = f"smallest value {values.min():.4g}, sums {sums.min():.4g} to {sums.max():.4g}"
        raise rejected(location, "label_distributions", found, f"{key} must be probabilities whose sum is 1; {found}")
    return values


def _made_by(manifest: OwnManifest) -> str:
    made = ", ".join(
        f"{one.get('architecture') or 'an imported network'} (epoch {one.get('epoch')}, weights "
        f"{str(one.get('weights_sha256'))[:12]})"
        for one in manifest.labelers
    )
    return f"the dense labels came with the archive, made by {made}; that labeler is not part of an archive"
