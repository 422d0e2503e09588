"""Sets that were distilled in whitened space: their images become pixels again, with ZCA fitted to the source set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from method.files import WHITENING
from workers.ladd.importers.imported import DISTILLED_SPLIT, Imported, ImportOptions, KnownSource
from workers.ladd.importers.reading.rejected import rejected
from workers.ladd.sets.whitening import EPSILON, MOST_VALUES, fit_whitening

_FIELD = "metadata.normalization"


def unwhiten(imported: Imported, options: ImportOptions, out_dir: Path) -> Imported:
    """Fit ZCA to the source set's train images, write it to `out_dir`, and return the upload with pixels for images.

    Images without a negative value, and those of files that are known to hold plain pixels (`images_zca_*.pt`), are
    left as they are: whitened values are centred on 0. Raises ImportRejected with rule `zca_needs_source`,
    `zca_is_float`, `zca_matches_source` or `zca_size`.
    """
    split = imported.splits[DISTILLED_SPLIT]
    pixels = _train_images(options.source)
    if split.images.dtype == np.uint8:
        message = "8-bit images cannot be in whitened space; name another normalization, or none"
        raise rejected(_FIELD, "zca_is_float", split.images.dtype, message)
    shape, expected = list(split.images.shape[1:]), [pixels.shape[3], pixels.shape[1], pixels.shape[2]]
    if shape != expected:
        message = f"ZCA is fitted to the source set, whose images are {expected}; those of {split.images_location} are"
        raise rejected(_FIELD, "zca_matches_source", shape, f"{message} {shape}")
    if np.prod(shape) > MOST_VALUES:
        message = f"ZCA is fitted to images of at most {MOST_VALUES} values, such as 3 x 32 x 32"
        raise rejected(_FIELD, "zca_size", int(np.prod(shape)), message)
    whitening = fit_whitening(pixels)
    whitening.save(out_dir / WHITENING)
    fit = f"ZCA fitted to the {len(pixels):,} train images of the source set (eps {EPSILON})"
    if imported.unnormalized is not None or split.images.min() >= 0:
        note = f"{imported.unnormalized or 'no value is negative'}; networks are trained in the whitened space of {fit}"
        return replace(imported, unnormalized=note)
    whitened = torch.from_numpy(np.array(split.images, dtype=np.float32))
    plain = replace(split, images=whitening.unwhiten(whitened).numpy())
    note = f"un-whitened with {fit}, in whose space networks are trained"
    return replace(imported, splits={DISTILLED_SPLIT: plain}, unnormalized=note)


def _train_images(source: KnownSource | None) -> NDArray[np.uint8]:
    if source is None or source.train_images is None:
        message = "the ZCA matrix is not saved with a set: name the source set to fit it to in metadata.source_dataset"
        raise rejected(_FIELD, "zca_needs_source", "zca", message)
    images: NDArray[np.uint8] = np.load(source.train_images, mmap_mode="r", allow_pickle=False)
    return images
