"""The cost of a job: predicted when it is submitted, counted as its tasks finish."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from api_schemas.base import Response


class CostName(StrEnum):
    """The parts of the method that cost something, each in its own unit of hardware."""

    LABELLING = "labelling"
    LABELER_TRAINING = "labeler_training"
    DEPLOYMENT = "deployment"


class Cost(Response):
    """`flops` with 1 MAC = 2, of convolutions and matrix products; `bytes` left in the object storage.

    `seconds` are those that devices (a GPU, or a CPU core of the worker) were held, summed over all of them. In a
    prediction they are null until workers have measured the speed of everything the part consists of;
    `seconds_range`, from least to most, is there at once.
    """

    flops: int
    bytes: int
    seconds: float | None
    seconds_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """Null for what was counted, where there is nothing to do, and in predictions of before there was a range."""
    basis: Literal["measured", "nominal"] | None = None
    """The source of the range: rates of this deployment, or, for a part of it at least, the speed that such devices
    usually have."""


class CostParts(Response):
    """Each part of a job, null where the job has no such part; a labeler that is reused costs nothing."""

    labelling: Cost | None
    labeler_training: Cost | None
    """Without the evaluations on the val split after each epoch."""
    deployment: Cost | None
    """Training of all arms and trials, without their tests. Progressive views: predicted as if all were confirmed."""


class JobCost(Response):
    """`counted` grows while the job runs."""

    predicted: CostParts
    counted: CostParts
