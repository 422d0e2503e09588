"""How often the host has to do with the device in an epoch, counted on torch's `meta` device.

It takes the place of a GPU: tensors there have no values, so that whatever would wait for one fails.
"""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from method.arms import ARMS
from workers.ladd.deployment.step import Streams, accumulate, on_device, plan_epoch
from workers.ladd.deployment.training_set import Targets
from workers.ladd.labels.views import ViewGrid
from workers.ladd.models import build_model
from workers.ladd.recipes import resolve_recipe

from .test_training import CLASSES, training_set

META = torch.device("meta")


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operators that bring a tensor of the CPU to the device, and those that make or change a tensor there."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count: Counter[str] = Counter()
        self.launches: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given, results = (
            {tensor.device.type for tensor in tree_leaves(tree) if isinstance(tensor, Tensor)}
            for tree in ([args, kwargs], made)
        )
        if "cpu" in given and "meta" in given | results:
            self.count["transfers"] += 1
        if "meta" in results and not func.is_view:
            self.launches[str(func)] += 1
        return made


def epoch(views: str, batch_size: int, micro_batch: int, network: bool, name: str = "glad") -> Traffic:
    """Compute an epoch over 4 images with 4 views each; without a network, all but its forward and backward pass."""
    data = training_set(4, ViewGrid(n=2), size=16)
    recipe = resolve_recipe(name, "ConvNetD3", {"views": views, "batch_size": batch_size})
    steps = list(plan_epoch(4, 4, (16, 16), ARMS["ladd"], recipe, Streams(3)))
    model = build_model("ConvNetD3", num_classes=CLASSES, channels=3, size=16, seed=0).to(META)
    weights = torch.zeros(3 * 16 * 16, CLASSES, device=META, requires_grad=True)
    forward = model if network else lambda images: images.flatten(1) @ weights
    targets = data.targets(ARMS["ladd"], CLASSES, recipe.temperature)
    parts: dict[str, Any] = {
        name: part.to(META) if isinstance(part, Tensor) else part for name, part in vars(targets).items()
    }
    targets = Targets(**parts)
    data = data.to(META)
    # What is sent once, and kept.
    list(accumulate(model, data, on_device(steps[:1], META)[0], targets, micro_batch, forward=forward))
    traffic = Traffic()
    with traffic:
        for step in on_device(steps, META):
            list(accumulate(model, data, step, targets, micro_batch, forward=forward))
    return traffic


@pytest.mark.parametrize("name", ["glad", pytest.param("rded", marks=pytest.mark.slow)])
@pytest.mark.parametrize("views", ["full", "sampled:2", "pool"])
def test_an_epoch_is_sent_in_one_block_and_never_waited_for(views: str, name: str) -> None:
    assert epoch(views, batch_size=2, micro_batch=3, network=True, name=name).count["transfers"] == 1


def test_the_launches_of_a_step_are_the_networks() -> None:
    """Eq. 5 in one micro-batch: ConvNetD3 alone takes 39, which `launches` counts coarser than a GPU's kernels."""
    engine = epoch("full", batch_size=4, micro_batch=64, network=False).launches.total()
    assert engine <= 33  # The family drawn is `scale`.
    # However many rows there are.
    assert epoch("full", batch_size=4, micro_batch=5, network=False).launches.total() <= 4 * engine
