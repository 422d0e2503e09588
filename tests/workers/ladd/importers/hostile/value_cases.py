"""Files whose form is right and whose values are not, in every format that can hold them."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from safetensors.numpy import save as save_safetensors

from tests.workers.ladd.importers.hostile.case import Case, lazily
from tests.workers.ladd.importers.hostile.valid_files import FLOATS, LABELS, npz, saved

IMAGES = FLOATS.numpy()
FORMATS: dict[str, Callable[[np.ndarray, np.ndarray], dict[str, bytes]]] = {
    "mtt": lambda images, labels: {
        "images_best.pt": saved(torch.from_numpy(images)),
        "labels_best.pt": saved(torch.from_numpy(labels)),
    },
    "dc": lambda images, labels: {"res_DC.pt": saved({"data": [[torch.from_numpy(images), torch.from_numpy(labels)]]})},
    "idc": lambda images, labels: {"data.pt": saved([torch.from_numpy(images), torch.from_numpy(labels)])},
    "npz": lambda images, labels: {"set.npz": npz(images=images, labels=labels)},
    "safetensors": lambda images, labels: {
        "set.safetensors": save_safetensors(
            {"images": np.ascontiguousarray(images), "labels": np.ascontiguousarray(labels)}
        )
    },
}


def _images(value: float) -> np.ndarray:
    changed = IMAGES.copy()
    changed[1, 2, 3, 4] = value
    return changed


def _soft(*rows: tuple[float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


BAD_IMAGES: dict[str, tuple[np.ndarray, set[str]]] = {
    "a NaN": (_images(np.nan), {"finite_values"}),
    "infinity": (_images(np.inf), {"finite_values"}),
    "minus infinity": (_images(-np.inf), {"finite_values"}),
    "10^30": (_images(1e30), set()),
    "the largest float64": (_images(0).astype(np.float64) + 1e308, set()),
    "a subnormal": (_images(1e-42), set()),
    "float64": (IMAGES.astype(np.float64), set()),
    "int16": (IMAGES.astype(np.int16), {"image_dtype"}),
    "int64": (IMAGES.astype(np.int64), {"image_dtype"}),
    "7 pixels a side": (IMAGES[:, :, :7, :7], {"image_side"}),
    "not square": (IMAGES[:, :, :, :4], {"square_images"}),
    "two channels": (IMAGES[:, :2], {"image_layout"}),
    "two axes": (IMAGES[:, 0, 0], set()),
    "no images": (IMAGES[:0], {"not_empty", "labels_match_images", "tensor_roles"}),
    "one image fewer": (IMAGES[:3], {"labels_match_images"}),
}
BAD_LABELS: dict[str, tuple[np.ndarray, set[str]]] = {
    "negative": (LABELS - 1, {"labels_in_range"}),
    "a gap": (LABELS * 2, {"classes_contiguous"}),
    "10^9": (LABELS + 10**9, {"labels_in_range"}),
    "the largest int64": (np.array([0, 0, 1, 2**63 - 1]), {"labels_in_range"}),
    "25,000": (np.array([0, 0, 1, 25_000]), {"labels_in_range"}),
    "24,999": (np.array([0, 0, 1, 24_999]), {"classes_contiguous"}),
    "one class": (LABELS * 0, {"two_classes"}),
    "floats": (LABELS.astype(np.float32), {"integer_labels"}),
    "NaN": (np.full(4, np.nan, np.float32), {"integer_labels"}),
    "booleans": (LABELS.astype(bool), {"integer_labels"}),
    "too few": (LABELS[:3], {"labels_match_images"}),
    "too many": (np.tile(LABELS, 3), {"labels_match_images"}),
    "none": (LABELS[:0], set()),
    "three axes": (LABELS.reshape(4, 1, 1), set()),
    "of no axis": (np.array(1), set()),
    "soft with NaN": (_soft((0.5, np.nan), (1, 0), (0, 1), (0, 1)), set()),
    "soft with infinity": (_soft((np.inf, 0), (1, 0), (0, 1), (0, 1)), set()),
    "soft, all 0": (_soft((0, 0), (1, 0), (0, 1), (0, 1)), set()),
    "soft, of two readings": (_soft((3, 1), (2, 1), (1, 2), (1, 3)), set()),
    "soft, too few": (_soft((1, 0), (0, 1)), set()),
    "soft, one column": (np.ones((4, 1), np.float32), set()),
    "soft, no column": (np.ones((4, 0), np.float32), set()),
    "soft, 30,000 columns": (np.eye(4, 30_000, dtype=np.float32), set()),
    "soft integers": (np.ones((4, 2), np.int64), set()),
    "soft float64 beyond float32": (np.full((4, 2), 1e300), set()),
}
TOLD: dict[str, dict[str, object]] = {"idc": {"factor": 2}}
WRONG_OPTIONS: dict[str, Mapping[str, object]] = {
    "format mtt": {"format": "mtt"},
    "format rded": {"format": "rded"},
    "format unknown": {"format": "zip"},
    "role source": {"role": "source"},
    "factor": {"factor": 3},
    "experiment": {"experiment": 7},
    "class map of one": {"class_map": ["a"]},
    "class map twice the same": {"class_map": ["a", "a"]},
    "class map imagenet10": {"class_map": "imagenet10"},
    "resolution": {"resolution": 16},
    "normalization zca": {"normalization": "zca"},
    "normalization unknown": {"normalization": "mine"},
    "normalization of two channels": {"normalization": {"mean": [0.5, 0.5], "std": [1.0, 1.0]}},
    "soft labels logits": {"soft_labels": "logits"},
}


def value_cases() -> Iterator[Case]:
    """Yield bad images with good labels, good images with bad labels, and good files with wrong metadata."""
    for reader, pack in FORMATS.items():
        options = TOLD.get(reader, {})
        for what, (images, rules) in BAD_IMAGES.items():
            make = lazily(lambda p, i: p(np.ascontiguousarray(i), LABELS), pack, images)
            yield Case(f"images {what}, {reader}", reader, make, frozenset(rules), not rules, options)
        for what, (labels, rules) in BAD_LABELS.items():
            make = lazily(lambda p, x: p(IMAGES, x), pack, labels)
            yield Case(f"labels {what}, {reader}", reader, make, frozenset(rules), not rules, options)
        for what, wrong in WRONG_OPTIONS.items():
            make = lazily(lambda p: p(IMAGES, LABELS), pack)
            yield Case(f"metadata {what}, {reader}", "auto", make, readable=True, options={**options, **wrong})
