"""The optimizer of a recipe: AdamW against its definition, and what decays."""

from typing import Any

import pytest
import torch
from torch import nn

from workers.ladd.deployment.optimizer import copies_of_weights, make_optimizer, memory_of
from workers.ladd.recipes import Recipe, resolve_recipe

CPU = torch.device("cpu")


def recipe(**changes: Any) -> Recipe:
    return resolve_recipe("rded", "ResNet18", {"lr": 0.01, "weight_decay": 0.1, **changes})


def test_adamw_is_its_definition_and_decays_filters_and_matrices_alone() -> None:
    draws = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2)).double()
    optimizer = make_optimizer(model, recipe(), CPU)
    weights = {name: values.detach().clone() for name, values in model.named_parameters()}
    first, second = ({name: torch.zeros_like(values) for name, values in weights.items()} for _ in range(2))
    decayed = {"0.weight", "3.weight"}
    for step in range(1, 4):
        for name, values in model.named_parameters():
            slope = torch.randn(values.shape, generator=draws, dtype=torch.float64)
            values.grad = slope
            first[name] = 0.9 * first[name] + 0.1 * slope
            second[name] = 0.999 * second[name] + 0.001 * slope**2
            decay = 0.01 * 0.1 if name in decayed else 0.0
            scaled = (second[name] / (1 - 0.999**step)).sqrt() + 1e-8
            weights[name] = (1 - decay) * weights[name] - 0.01 * first[name] / (1 - 0.9**step) / scaled
        optimizer.step()
    for name, values in model.named_parameters():
        torch.testing.assert_close(values.detach(), weights[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "copies"), [({}, 2), ({"optimizer": "sgd"}, 1), ({"optimizer": "sgd", "momentum": 0.0}, 0)]
)
def test_memory_is_counted_as_it_is(changes: dict[str, Any], copies: int) -> None:
    chosen = recipe(**changes)
    model = nn.Linear(3, 2)
    optimizer = make_optimizer(model, chosen, CPU)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert sum(memory.numel() for memory in memory_of(optimizer) if memory.ndim) == 8 * copies
    assert copies_of_weights(chosen) == copies
