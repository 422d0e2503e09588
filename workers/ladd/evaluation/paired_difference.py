"""How sure the difference between two arms is: trials are few, and so are test images.

Both arms share the trials (equal initial weights) and the test images, so their answers are compared one by one:
d[t, i] is 1 where in trial t the arm is right about image i and the baseline is not, -1 where it is the other way
round, else 0. Trials and images are both random draws, crossed with each other:

    d[t, i] = difference + trial[t] + image[i] + rest[t, i]

With mean squares of trials, images and the rest, MS_t, MS_i and MS_r, the variance of the mean over n trials and T
images is estimated, and its degrees of freedom, as is done where several readers judge the same cases. MS_t is not
taken below MS_r, which it has as its part: few trials that happen to agree would else leave no uncertainty.

    variance = (MS_t + max(MS_i - MS_r, 0)) / (n T)
    degrees  = (MS_t + max(MS_i - MS_r, 0))^2 / (MS_t^2 / (n - 1))

Hillis, "A comparison of denominator degrees of freedom methods for multiple observer ROC analysis", Statistics in
Medicine 26 (2007), 596-619, of two modalities. MS_t / (n T) alone is the variance of Student's interval over trials.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.ladd.evaluation.statistics import student_t_975

_MOST_DEGREES = 1000
"""At which Student's quantile, 1.962, is the normal one but for 0.002."""


@dataclass(frozen=True)
class PairedDifference:
    """In points of accuracy. `ci95` [low, high] covers trials and test images; `trials_ci95` the trials alone."""

    difference: float
    ci95: tuple[float, float]
    trials_ci95: tuple[float, float]

    @property
    def evidence(self) -> bool:
        """Whether the interval leaves 0 out."""
        return not self.ci95[0] <= 0 <= self.ci95[1]


def paired_difference(arm: NDArray[np.float64], baseline: NDArray[np.float64]) -> PairedDifference:
    """Compare answers [n, T], 1 for right and 0 for wrong, of the same trials and test images.

    For a k-CAE they are means over architectures, which are taken as they are: the interval is about these k
    architectures, not about others. Raises ValueError without two trials and two images, or for unequal shapes.
    """
    if arm.shape != baseline.shape or arm.ndim != 2 or min(arm.shape) < 2:
        raise ValueError(
            f"answers must be [n, T] with n and T of at least 2 and equal for both arms; got {arm.shape} and "
            f"{baseline.shape}"
        )
    differences = arm - baseline
    n, images = differences.shape
    mean = float(differences.mean())
    of_trials = differences.mean(axis=1) - mean
    of_images = differences.mean(axis=0) - mean
    squares_t = images * float(of_trials @ of_trials)
    squares_i = n * float(of_images @ of_images)
    squares_r = max(0.0, float(((differences - mean) ** 2).sum()) - squares_t - squares_i)
    rest = squares_r / (n - 1) / (images - 1)
    between_trials = max(squares_t / (n - 1), rest)
    between_images = max(0.0, squares_i / (images - 1) - rest)
    variance = (between_trials + between_images) / n / images
    degrees = n - 1
    if between_images > 0:
        share = between_trials / (between_trials + between_images)
        degrees = _MOST_DEGREES if share == 0 else min(_MOST_DEGREES, int((n - 1) / share**2))
    return PairedDifference(
        100 * mean,
        _interval(mean, variance, degrees),
        _interval(mean, squares_t / (n - 1) / n / images, n - 1),
    )


def _interval(mean: float, variance: float, degrees: int) -> tuple[float, float]:
    reach = student_t_975(degrees) * math.sqrt(variance)
    return 100 * (mean - reach), 100 * (mean + reach)
