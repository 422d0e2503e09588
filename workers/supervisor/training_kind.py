"""Trainings that take equally long: those of a job that differ in their trial, and of other sets of the same shape."""

import json

from service.core.lifecycle.tasks import ClaimedTask
from workers.supervisor.warm_runner import stays

OF_NO_EFFECT = ("lr", "momentum", "weight_decay", "view_weight", "reduction", "seed_rule")
"""Overrides that change nothing about how long a step takes."""


def kind_of(claimed: ClaimedTask) -> str | None:
    """Return all that the speed of a training depends on besides the device; None for a task that is not measured.

    Measured are trials, which come in crowds. Labelers and dense labels are one or few of a job.
    """
    if not stays(claimed) or claimed.cost is None:
        return None
    cost, params = claimed.cost, claimed.params
    overrides = {name: value for name, value in params["overrides"].items() if name not in OF_NO_EFFECT}
    return (
        f"{params['arm']} of {cost.architecture} by {params['recipe']}, {cost.precision}, {cost.flops} FLOPs, "
        f"{json.dumps(overrides, sort_keys=True)}"
    )
