"""Evaluations of several jobs side by side. Accuracies are in percent."""

from typing import Annotated

from pydantic import Field

from api_schemas.arms import ShownArm
from api_schemas.base import DatasetId, JobId, Response
from api_schemas.labelers import ShownArchitecture
from method.verdicts import Verdict

MOST_JOBS = 8
"""Compared at once."""


class ComparedRow(Response):
    """A row of one job's report, or the k-CAE of an arm (`architecture` null: `std` is the mean of the stds)."""

    job: JobId
    dataset: DatasetId
    arm: ShownArm
    architecture: ShownArchitecture | None
    trials: int | None
    """Null for a k-CAE."""
    mean: float
    std: float
    ci95: list[float] | None
    """Of the mean over trials, as in the report; null for a k-CAE, and for fewer than three trials."""


class JobDifference(Response):
    """An arm of one job minus the same arm of the first job, in points, on the same test images.

    Intervals and p values are by the rule of a report's comparisons: images are paired, trials are not. They are null
    where either side has fewer than three trials.
    """

    job: JobId
    dataset: DatasetId
    minus: JobId
    minus_dataset: DatasetId
    """The same set, else the first one of that job with the arm."""
    arm: ShownArm
    architecture: ShownArchitecture | None
    """Null: the k-CAE over the architectures that both have."""
    difference: float
    ci95: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    trials_ci95: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    p_value: float | None
    adjusted_p: float | None
    """By Holm's method for the other architectures of the arm, as in a report."""
    verdict: Verdict


class JobComparison(Response):
    """`GET /v1/compare`."""

    jobs: list[JobId]
    source_dataset: DatasetId
    test_images: int
    rows: list[ComparedRow]
    """By arm and architecture, the jobs in turn: those that a report's summary quotes."""
    differences: list[JobDifference]
    notes: list[str]
    """In what the jobs are not alike besides their sets."""
