"""The optimizer of a deployment training, and what it remembers."""

from typing import Any

import torch
from torch import Tensor, nn

from workers.ladd.recipes.recipe import Recipe

ADAMW_BETA2 = 0.999
"""Of SRe2L's and RDED's students, torch's default."""


def make_optimizer(model: nn.Module, recipe: Recipe, device: torch.device) -> torch.optim.Optimizer:
    """Return the recipe's optimizer of a model that lies on `device`.

    AdamW decays matrices and filters alone, no bias, scale or shift, as SRe2L's and RDED's code has it
    (`get_parameters`).
    """
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
    decayed: list[Tensor] = []
    others: list[Tensor] = []
    for name, values in model.named_parameters():
        (decayed if "weight" in name and values.ndim > 1 else others).append(values)
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        groups,
        lr=recipe.lr,
        betas=(recipe.momentum, ADAMW_BETA2),
        weight_decay=recipe.weight_decay,
        fused=True,
        # Its count of steps then lies on the GPU, where a graph can add to it.
        capturable=device.type == "cuda",
    )


def memory_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Return the tensors that it changes besides the weights; there are none before its first step."""
    return [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]


def copies_of_weights(recipe: Recipe) -> int:
    """Return how many numbers are remembered for each weight."""
    return 2 if recipe.optimizer == "adamw" else int(recipe.momentum > 0)
