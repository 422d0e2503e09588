"""How sure the difference between an arm and the baseline is: trials are few, and so are test images.

Test images are paired, as both arms answer the same ones; trials are not. That trial t of both starts from the same
weights says next to nothing: the accuracies of an arm and its baseline correlate by trial as little as those of two
architectures do (`benchmarks/results/interval_coverage.md`). So each arm has a trial effect of its own, and so many
trials as it likes. The answer y = 1 for right, 0 for wrong, of one arm and architecture is

    y[t, i] = accuracy + trial[t] + image[i] + rest[t, i]

with trials and images as random draws that are crossed with each other. The means over n trials and T images differ,
as the mean over k architectures of arm minus baseline, with the variance

    sum over the 2 k sides of (var(trial) / n + var(rest) / (n T)) / k^2  +  var(image difference) / T

where the image difference is the mean over architectures of image[i] of the arm minus that of the baseline: all
architectures answer the same images. With the mean squares MS_t and MS_r of each side, and the variance S over images
of the observed difference (means over trials, then over architectures), the two terms are estimated by

    trials = sum of MS_t / (n T) / k^2,    images = max(0, S / T - rest),    rest = sum of MS_r / (n T) / k^2

`trials` is the sum of the variances that Welch's interval over trials has. It is not taken below `rest`, which it
contains: few trials that happen to agree would else leave no uncertainty. Degrees of freedom are Satterthwaite's,
variance^2 / sum of part^2 / degrees of the part: n - 1 for MS_t, T - 1 for S, and where `rest` takes the place of
`trials`, (n - 1) (T - 1) for MS_r.

Where trial t has the same labeler on every architecture (several `labeler_seeds`), these trials are not independent:
the side then has a single part, the variance over trials of the mean over architectures, by n, with n - 1 degrees.

Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946),
110-114. Crossed random readers and cases, and no component below 0: Hillis, "A comparison of denominator degrees of
freedom methods for multiple observer ROC analysis", Statistics in Medicine 26 (2007), 596-619.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.ladd.evaluation.statistics import FEWEST_TRIALS, student_t_975, two_sided_p


class Pair(NamedTuple):
    """Answers of one architecture, 1 for right and 0 for wrong: the arm's [n, T], the baseline's [m, T]."""

    arm: NDArray[Any]
    baseline: NDArray[Any]


class Shared(NamedTuple):
    """On which side trials of the same number have the same labeler on every architecture, and vary together so."""

    arm: bool = False
    baseline: bool = False


INDEPENDENT = Shared()


@dataclass(frozen=True)
class PairedDifference:
    """In points of accuracy. `ci95` [low, high] covers trials and test images; `trials_ci95` the trials alone.

    `p_value` is below 0.05 where `ci95` leaves 0 out. All three are None where a side has fewer than three trials.
    """

    difference: float
    ci95: tuple[float, float] | None
    trials_ci95: tuple[float, float] | None
    p_value: float | None


class _Part(NamedTuple):
    """An estimate of a part of the variance, and its degrees of freedom."""

    variance: float
    degrees: float


def paired_difference(pairs: Sequence[Pair], shared: Shared = INDEPENDENT) -> PairedDifference:
    """Compare an arm with the baseline as the mean over architectures, one pair each.

    `shared` has no effect on a side that has not the same number of trials on all architectures.
    The interval is about these architectures, not about others. Raises ValueError without a pair, without a trial on
    each side, and unless all sides answer the same number of images, at least two.
    """
    sides = [side for pair in pairs for side in pair]
    shapes = [side.shape for side in sides]
    if not shapes or any(len(shape) != 2 or shape[0] < 1 or shape[1] < 2 for shape in shapes):
        raise ValueError(f"answers must be [n, T] with n of at least 1 and T of at least 2; got {shapes}")
    if len({shape[1] for shape in shapes}) != 1:
        raise ValueError(f"answers must be those to the same images; got {shapes}")
    by_image = np.mean([pair.arm.mean(axis=0) - pair.baseline.mean(axis=0) for pair in pairs], axis=0)
    difference = 100 * float(by_image.mean())
    if min(len(side) for side in sides) < FEWEST_TRIALS:
        return PairedDifference(difference, None, None, None)
    trials: list[_Part] = []
    rest: list[_Part] = []
    for side, together in zip(zip(*pairs, strict=True), shared, strict=True):
        of_trials, of_rest = zip(*(_trials_and_rest(answers, len(pairs)) for answers in side), strict=True)
        trials += [_shared(side)] if together and len({len(answers) for answers in side}) == 1 else of_trials
        rest += of_rest
    images = len(by_image)
    observed = float(by_image.var(ddof=1)) / images
    parts = max(trials, rest, key=_variance)
    of_images = max(0.0, observed - _variance(rest))
    variance = _variance(parts) + of_images
    degrees = _degrees(variance, parts + ([_Part(observed, images - 1)] if of_images else []))
    return PairedDifference(
        difference,
        _interval(difference, variance, degrees),
        _interval(difference, _variance(trials), _degrees(_variance(trials), trials)),
        two_sided_p(difference, 100 * math.sqrt(variance), degrees),
    )


def _trials_and_rest(answers: NDArray[Any], architectures: int) -> tuple[_Part, _Part]:
    """The parts that one side's trials have in the variance, as seen between them and as seen within them."""
    n, images = answers.shape
    of_trials, of_images = answers.mean(axis=1), answers.mean(axis=0)
    between_trials = float(of_trials.var(ddof=1))
    # Sums of squares: all, less those between trials and between images.
    squares = n * images * float(answers.var()) - images * (n - 1) * between_trials - n * images * of_images.var()
    degrees = (n - 1) * (images - 1)
    scale = n * architectures**2
    return _Part(between_trials / scale, n - 1), _Part(max(0.0, squares / degrees / images) / scale, degrees)


def _shared(answers: Sequence[NDArray[Any]]) -> _Part:
    """The part of trials [n, T] of several architectures whose effects need not be independent."""
    of_trials = np.mean([each.mean(axis=1) for each in answers], axis=0)
    n = len(of_trials)
    return _Part(float(of_trials.var(ddof=1)) / n, n - 1)


def _variance(parts: Sequence[_Part]) -> float:
    return math.fsum(part.variance for part in parts)


def _degrees(variance: float, parts: Sequence[_Part]) -> float:
    squares = math.fsum(part.variance**2 / part.degrees for part in parts)
    return variance**2 / squares if squares else 1.0


def _interval(difference: float, variance: float, degrees: float) -> tuple[float, float]:
    reach = 100 * student_t_975(degrees) * math.sqrt(variance)
    return difference - reach, difference + reach
