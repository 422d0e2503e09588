"""Importer for bare tensors, as MTT and GLaD save them: `images*.pt` and `labels*.pt`, under any names.

The 4-D tensor is the images, the 1-D integer tensor the labels. AST saves no labels: its images are class-major.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.ladd.importers.arrays import as_images, as_labels, class_major_labels
from workers.ladd.importers.imported import DISTILLED_SPLIT, Imported, ImportOptions, Progress, Split
from workers.ladd.importers.rejected import rejected
from workers.ladd.importers.safe_torch import read_torch
from workers.ladd.importers.uploaded_file import UploadedFile


def detect(files: Sequence[UploadedFile]) -> str | None:
    """Recognise one or two `.pt` files with a bare tensor each."""
    if not all(file.kind in ("tensors", "pickle") for file in files):
        return None
    contents = [read_torch(file.path) for file in files]
    if not all(isinstance(content, Tensor) for content in contents):
        return None
    return " and ".join(f"{file.path.name} is a bare tensor" for file in files)


def read(files: Sequence[UploadedFile], options: ImportOptions, scratch: Path, progress: Progress) -> Imported:
    """Read the pair. Raises ImportRejected with rule `tensor_roles`, `distilled_only`, or one of `arrays`'."""
    if options.role != "distilled":
        raise rejected(
            "metadata.role", "distilled_only", options.role, "tensor pairs hold distilled sets; a source set has splits"
        )
    images: list[tuple[str, Tensor]] = []
    labels: list[tuple[str, Tensor]] = []
    others: list[tuple[str, Tensor]] = []
    for file in files:
        tensor = read_torch(file.path)
        name = file.path.name
        if not isinstance(tensor, Tensor):
            raise rejected(name, "tensor_roles", type(tensor).__name__, "the file must hold one tensor, nothing else")
        {4: images, 2: labels, 1: labels}.get(tensor.ndim, others).append((name, tensor))
    if len(images) != 1 or len(labels) > 1 or others:
        raise rejected(
            ", ".join(file.path.name for file in files),
            "tensor_roles",
            ", ".join(f"{name}: {tuple(tensor.shape)}" for name, tensor in images + labels + others),
            "expected one tensor of images (4 axes) and at most one of labels (1 axis)",
        )
    [(images_name, images_tensor)] = images
    pixels = as_images(as_array(images_tensor, images_name), images_name)
    if labels:
        [(labels_name, labels_tensor)] = labels
        sent = as_labels(as_array(labels_tensor, labels_name), labels_name)
        return Imported({DISTILLED_SPLIT: Split(pixels, sent, images_name, labels_name)})
    made = class_major_labels(len(pixels), options.class_names, images_name)
    return Imported(
        {DISTILLED_SPLIT: Split(pixels, made, images_name, images_name)},
        warnings=["no labels were sent: the images are taken class by class, equally many each, as AST saves them"],
    )


def as_array(tensor: Tensor, location: str) -> NDArray[np.generic]:
    """Return a tensor's memory as an array; raises ImportRejected with rule `plain_array` where numpy has none."""
    if tensor.layout != torch.strided or tensor.dtype == torch.bfloat16:
        raise rejected(location, "plain_array", f"{tensor.dtype}, {tensor.layout}", "the tensor is not a plain array")
    array: NDArray[np.generic] = tensor.detach().numpy()
    return array
