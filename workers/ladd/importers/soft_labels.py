"""Labels as found in a file: class indices, or a row of probabilities, logits or regression targets for each image."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from api_schemas.datasets import TARGETS, FloatLabels, SoftLabelKind
from workers.ladd.importers.arrays import as_labels, check_finite
from workers.ladd.importers.imported import ImportOptions, SoftLabels
from workers.ladd.importers.reading.rejected import rejected, undecided
from workers.ladd.sets.stored_set import Labels

FIELD = "metadata.soft_labels"
FORMAT_KINDS: dict[str, SoftLabelKind] = {"tesla": "probabilities", "datm": "logits"}
"""TESLA (`--teacher_label`) saves a softmax of its teacher, DATM the logits that it learned, under the same name."""
SUM_TOLERANCE = 1e-3
"""How far a row of float16 probabilities may be from a sum of 1."""
FLAT_SPREAD = 3.0
"""Largest less smallest value of a row below which no teacher's logits are: over ten classes its softmax gives the
likeliest 0.69 at most. Regression targets lie below: one-hot less the mean (KIP, RFAD, FRePo) spreads over 1, one-hot
in {-1, 1} over 2."""
CLEAR_SHARE = 0.5
"""Of the spread of a row of targets: as far above the others, the largest value is clearly that of its class."""


@dataclass(frozen=True)
class ReadLabels:
    """`hard` int64 [n], the largest entry where the file has a row per image.

    `soft` holds the rows, unless they are regression targets, which stand for their class alone: `target_columns`
    counts the entries of those.
    """

    hard: Labels
    soft: SoftLabels | None
    reason: str
    target_columns: int | None = None
    warnings: list[str] = field(default_factory=list)


def read_labels(array: NDArray[np.generic], location: str, options: ImportOptions) -> ReadLabels:
    """Return the labels of an array: integers [n] or [n, 1], or floats [n, C].

    The meaning of floats is decided by `options.soft_labels`, else by the format (`FORMAT_KINDS`), else by the values:
    rows that are >= 0 and sum to 1 are probabilities, rows with negative values logits, or regression targets where
    they are too flat for logits (`FLAT_SPREAD`) and each has one clear maximum. Raises ImportRejected with rule
    `one_reading` where values leave it open or contradict the format, `probabilities_not_negative`, `finite_values`,
    `distilled_only` (soft labels of a source set), or one of `as_labels`'.
    """
    if array.ndim != 2 or array.shape[1] == 1 or not array.size or not np.issubdtype(array.dtype, np.floating):
        return ReadLabels(as_labels(array, location), None, f"{location} holds class indices")
    if options.role != "distilled":
        raise rejected(
            location, "distilled_only", f"{array.dtype} {array.shape}", "a source set has one class index per image"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused as such
        values = array.astype(np.float32)
    check_finite(values, location, "row", "the label of image")
    kind, why = _kind_of(values, location, options)
    reason = f"{location} holds {kind} ({why})"
    if kind == TARGETS:
        hard = values.argmax(axis=1).astype(np.int64)
        return ReadLabels(hard, None, reason, values.shape[1], [_targets_warning(values, location, options)])
    rows = _softmax(values) if kind == "logits" else _shares(values, location)
    soft = SoftLabels(rows, kind)
    return ReadLabels(rows.argmax(axis=1).astype(np.int64), soft, reason)


def _kind_of(values: NDArray[np.float32], location: str, options: ImportOptions) -> tuple[FloatLabels, str]:
    sums = values.sum(axis=1, dtype=np.float64)
    lowest, (least, most) = float(values.min()), (float(sums.min()), float(sums.max()))
    shown = f"smallest value {lowest:.4g}, row sums {least:.4g} to {most:.4g}"
    looks_like: FloatLabels | None = None
    if lowest < 0:
        looks_like = _negative_kind(values)
    elif max(abs(least - 1), abs(most - 1)) <= SUM_TOLERANCE:
        looks_like = "probabilities"
    if options.soft_labels != "auto":
        if options.soft_labels == "probabilities" and lowest < 0:
            raise rejected(location, "probabilities_not_negative", shown, "probabilities are not negative; these are")
        return options.soft_labels, f"named in the metadata; {shown}"
    expected = FORMAT_KINDS.get(options.format)
    if looks_like is None or (expected is not None and expected != looks_like):
        of_format = f", as {options.format} saves them" if expected is not None else ""
        raise undecided(
            FIELD,
            f"the float labels of {location} have {shown}",
            {
                "probabilities": f"shares of each class{of_format if expected == 'probabilities' else ''}, divided by "
                "their sum",
                "logits": f"scores before a softmax{of_format if expected == 'logits' else ''}",
                TARGETS: "targets of a regression, as kernel methods solve them: an image has the class of the largest",
            },
        )
    return looks_like, shown


def _negative_kind(values: NDArray[np.float32]) -> FloatLabels | None:
    """Tell logits from regression targets by how far the values of a row spread; None where neither is clear."""
    ordered = np.sort(values, axis=1).astype(np.float64)
    spreads = ordered[:, -1] - ordered[:, 0]
    if np.median(spreads) > FLAT_SPREAD:
        return "logits"
    log_sums = ordered[:, -1] + np.log(np.exp(ordered - ordered[:, -1:]).sum(axis=1))
    if np.abs(log_sums).max() <= SUM_TOLERANCE:
        return "logits"  # logarithms of probabilities
    if values.shape[1] == 2:  # Between two values any difference is clear, so all images must have the same two.
        return TARGETS if np.ptp(ordered, axis=0).max() <= SUM_TOLERANCE < spreads.min() else None
    return TARGETS if _clear(ordered).all() else None


def _clear(ordered: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell of each sorted row whether its largest value stands clearly above the others."""
    clear: NDArray[np.bool_] = ordered[:, -1] - ordered[:, -2] > CLEAR_SHARE * (ordered[:, -1] - ordered[:, 0])
    return clear


def _targets_warning(values: NDArray[np.float32], location: str, options: ImportOptions) -> str:
    unclear = int((~_clear(np.sort(values, axis=1))).sum())
    doubt = f"; in {unclear} of {len(values)} rows it stands hardly above the others" if unclear else ""
    otherwise = "" if options.soft_labels == TARGETS else "; soft_labels says otherwise: logits"
    return (
        f"the float labels of {location} were read as regression targets: each image has the class of its largest value"
        f"{doubt}, and the values themselves are not used{otherwise}"
    )


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    # in place: a set of ImageNet-1K has 200 MB of them
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def _shares(values: NDArray[np.float32], location: str) -> NDArray[np.float32]:
    sums = values.sum(axis=1, keepdims=True)
    if len(empty := np.flatnonzero(sums == 0)):
        raise rejected(
            location, "probabilities_sum", f"0 in row {empty[0]}", "the probabilities of an image must not all be 0"
        )
    return values if np.abs(sums - 1).max() <= SUM_TOLERANCE else values / sums
