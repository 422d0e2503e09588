"""The cost of a job: predicted when it is submitted, counted as its tasks finish."""

from enum import StrEnum

from api_schemas.base import Response


class CostName(StrEnum):
    """The parts of the method that cost something, each in its own unit of hardware."""

    LABELLING = "labelling"
    LABELER_TRAINING = "labeler_training"
    DEPLOYMENT = "deployment"


class Cost(Response):
    """`flops` with 1 MAC = 2, of convolutions and matrix products; `bytes` left in the object storage.

    `seconds` are those that devices (a GPU, or a CPU core of the worker) were held, summed over all of them. In a
    prediction they are null until workers have measured the speed of everything the part consists of.
    """

    flops: int
    bytes: int
    seconds: float | None


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
