"""What a task's networks see of a distilled set, and what is normalised with which statistics."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from api_schemas.datasets import Dataset, Normalization
from method.normalizations import AS_PUBLISHED, CARRIED
from workers.ladd.engine.normalization import Statistics, training_images


def network_images(
    images: NDArray[np.generic],
    normalization: Normalization,
    mean: Sequence[float],
    std: Sequence[float],
    params: Mapping[str, Any],
) -> Tensor:
    """Return a stored set's images for a network that was or is trained with `mean` and `std`, float32 [M, C, H, W].

    Under `as_published` normalised values are taken to carry the task's statistics, which are the source set's: a
    network with those sees them as they are stored. So does one with what they carry in truth. Under `carried`, as
    tasks from before there was a choice are, they are converted to what the network has.
    """
    return training_images(images, mean, std, _taken_to_carry(normalization, mean, std, params))


def statistics_of_rows(
    normalization: Normalization, mean: Sequence[float], std: Sequence[float], params: Mapping[str, Any]
) -> Statistics:
    """Return the statistics from which a live labeler with `mean` and `std` converts the rows of a training.

    The rows are `network_images` for the task's own statistics, and the labeler is to see what it saw of the set when
    it wrote the labels.
    """
    taken = _taken_to_carry(normalization, mean, std, params)
    # Under `as_published` the rows of a normalised set are as they are stored.
    return taken if taken is not None and rule_of(params) == AS_PUBLISHED else (params["mean"], params["std"])


def _taken_to_carry(
    normalization: Normalization, mean: Sequence[float], std: Sequence[float], params: Mapping[str, Any]
) -> Statistics | None:
    """What a set's stored values count as carrying before a network with `mean` and `std`; None: not normalised."""
    carried = normalization.carried
    if carried is not None and rule_of(params) == AS_PUBLISHED and carried != (list(mean), list(std)):
        return params["mean"], params["std"]
    return carried


def rule_of(params: Mapping[str, Any]) -> str:
    """Return the rule that a task's statistics follow from."""
    rule: str = params.get("test_normalization", CARRIED)
    return rule


def applied(dataset: Dataset, params: Mapping[str, Any], labels: bool) -> dict[str, Any]:
    """Return the statistics that training images have in a network, test images get, and labelers' images had.

    `labels`: whether labelers' answers were trained on; without them, or where it is not known, `labeler` is None. All
    of it is of sets that are not trained on in whitened space.
    """
    assert dataset.stats is not None
    normalization, augmentation = dataset.stats.normalization, dataset.augmentation
    test = {"mean": params["mean"], "std": params["std"]}
    training = test
    if rule_of(params) == AS_PUBLISHED and normalization.carried is not None:
        training = dict(zip(("mean", "std"), normalization.carried, strict=True))
    known = augmentation.labeler_normalizations if labels and augmentation is not None else None
    return {
        "rule": rule_of(params),
        "training": training,
        "test": test,
        "labeler": None if known is None else [statistics.model_dump() for statistics in known],
    }
