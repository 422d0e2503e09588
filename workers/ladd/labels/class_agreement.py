"""Does the labeler mean the same classes as the uploaded labels? A set whose labels are in another order shows here.

MTT and GLaD number the classes of most ImageNet subsets in an order of their own, an ImageFolder by sorted name: a set
in one order with a source set in the other gives an accuracy of about chance, and nothing says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

MOST_SHOWN = 100
"""Classes up to which the whole confusion is kept."""
MOST_SEARCHED = 1_000
"""Classes up to which another assignment is searched: the search takes their third power."""
SHUFFLES = 199
"""The best assignment must beat that of every shuffle: by chance it does so about once in 200 times."""
CLEARLY = 2.0
"""On the classes that an assignment moves, the agreement must grow by this factor."""


@dataclass(frozen=True)
class ClassAgreement:
    """Images, by how often the labeler's class is the uploaded one, in percent; `by_class` None: no image.

    `confusion` [C, C] counts images by uploaded label (row) and the labeler's class (column), None beyond `MOST_SHOWN`
    classes. `permutation` is the labeler's class for each uploaded label where that agrees clearly better.
    """

    images: int
    agreement: float
    by_class: list[float | None]
    confusion: list[list[int]] | None
    permutation: list[int] | None
    permuted_agreement: float | None


def compare_classes(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> ClassAgreement:
    """Compare the labeler's class of each image with its label int64 [M].

    `probabilities` are dense labels [M, V, C], whose mean over the views decides, or [M, C].

    Another assignment of classes, the one of all with the highest agreement, is named only if, on the images of the
    classes that it moves, (1) its agreement, and its gain over the labels as uploaded, are higher than the same two
    numbers are for each of `SHUFFLES` shuffles of those labels: a labeler that knows nothing offers assignments that
    fit by chance, too; and (2) agreement grows `CLEARLY`: a weak labeler that mixes up two classes is no sign of
    another order. With one image a class every order fits as well as any other, and none is named.
    """
    mean = probabilities.mean(axis=1, dtype=np.float64) if probabilities.ndim == 3 else probabilities
    said, num_classes = mean.argmax(axis=1), mean.shape[1]
    right = said == labels
    images = np.bincount(labels, minlength=num_classes)
    agreeing = np.bincount(labels[right], minlength=num_classes)
    searched = num_classes <= MOST_SEARCHED
    confusion = _confusion(labels, said, num_classes) if searched else None
    permutation = None if confusion is None else _clearly_better(confusion, labels, said)
    return ClassAgreement(
        images=len(labels),
        agreement=100 * int(right.sum()) / len(labels),
        by_class=[100 * int(a) / int(n) if n else None for a, n in zip(agreeing, images, strict=True)],
        confusion=confusion.tolist() if confusion is not None and num_classes <= MOST_SHOWN else None,
        permutation=None if permutation is None else permutation.tolist(),
        permuted_agreement=None
        if permutation is None
        else 100 * int((permutation[labels] == said).sum()) / len(labels),
    )


def permutation_warning(found: ClassAgreement, class_names: Sequence[str], what: str, remedy: str) -> str | None:
    """Say which order of classes would agree better with `what`, and the `remedy`; None where none clearly does."""
    if found.permutation is None or found.permuted_agreement is None:
        return None
    moved = [
        f"{label} ({class_names[label]}) as {other} ({class_names[other]})"
        for label, other in enumerate(found.permutation)
        if other != label
    ]
    return (
        f"the labeler agrees with {what} for {found.agreement:.1f} % of {found.images:,} images; it would agree for "
        f"{found.permuted_agreement:.1f} % if the classes were in another order, label by label {found.permutation}: "
        f"it sees {', '.join(moved)}. Nothing was changed; if that is so, {remedy}"
    )


def _confusion(labels: NDArray[np.int64], said: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = np.bincount(labels * num_classes + said, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def _clearly_better(
    confusion: NDArray[np.int64], labels: NDArray[np.int64], said: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    best = _best_assignment(confusion)
    moved = best != np.arange(len(best))
    before, after = int(confusion.diagonal()[moved].sum()), _agreeing(confusion[moved], best[moved])
    if not moved.any() or after < CLEARLY * before:
        return None
    rows = moved[labels]
    labels, said = labels[rows], said[rows]
    draws = np.random.default_rng(1)
    for _ in range(SHUFFLES):
        shuffled = _confusion(draws.permutation(labels), said, len(best))[np.ix_(moved, moved)]
        by_chance = _agreeing(shuffled, _best_assignment(shuffled))
        if by_chance >= after or by_chance - int(shuffled.trace()) >= after - before:
            return None
    return best


def _best_assignment(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the column of each row in the assignment of the highest sum; among equals, the one that moves least."""
    bonus = np.eye(len(confusion)) / (len(confusion) + 1)
    best: NDArray[np.int64] = linear_sum_assignment(confusion + bonus, maximize=True)[1]
    return best


def _agreeing(confusion: NDArray[np.int64], assignment: NDArray[np.int64]) -> int:
    return int(confusion[np.arange(len(assignment)), assignment].sum())
