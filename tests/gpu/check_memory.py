"""Predicted against real memory: the five networks in every precision, of sets of 50 images with five views each."""

from itertools import product

import torch
from random_sets import random_labelled_set

from method.arms import ARMS
from method.precisions import PRECISIONS
from workers.ladd.deployment.cost import predict_cost
from workers.ladd.deployment.training import train_trial
from workers.ladd.engine.memory import peak_bytes
from workers.ladd.recipes import resolve_recipe

MOST = 1.25
"""The prediction may be so many times the real peak, and never below it: trainings are admitted to a card by it."""

MIB = 2**20


def check_at_128_px(device: torch.device) -> str:
    """Where a wrong prediction costs most."""
    return _table(128, device)


def check_at_32_px(device: torch.device) -> str:
    """Where the weights are most of it."""
    return _table(32, device)


def check_at_64_px(device: torch.device) -> str:
    """Between the two."""
    return _table(64, device)


def _table(size: int, device: torch.device) -> str:
    networks: tuple[str, ...] = (f"ConvNetD{ {32: 3, 64: 4, 128: 5}[size] }", "AlexNet", "VGG11", "ResNet18", "ViT")
    if device.type == "cpu":
        networks = networks[:1]
    lines, wrong = [], []
    for network, precision in product(networks, PRECISIONS):
        predicted, real = _peaks(network, precision, size, device)
        ratio = predicted / real
        lines.append(
            f"{network:9} {precision:9} predicted {predicted / MIB:7,.0f} MiB, real {real / MIB:7,.0f}, {ratio:.2f}x"
        )
        # A CPU's peak is that of everything this process has ever done.
        if device.type == "cuda" and not 1 <= ratio <= MOST:
            wrong.append(f"{network} {precision}")
    table = "\n" + "\n".join(lines)
    assert not wrong, f"not between 1 and {MOST} times the real peak: {', '.join(wrong)}{table}"
    return table


def _peaks(network: str, precision: str, size: int, device: torch.device) -> tuple[int, int]:
    """Predicted and real peak of a training of two steps, in bytes as `engine.memory.peak_bytes` counts them."""
    overrides = {"epochs": 2, "ema_beta": 0.995, "views": "sampled:5", "precision": precision}
    recipe = resolve_recipe("glad", network, overrides)
    data = random_labelled_set(50 if device.type == "cuda" else 2, size).to(device)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    cost = predict_cost(data, ARMS["ladd"], network, recipe, device, 10)
    train_trial(data, ARMS["ladd"], network, recipe, 0, device, 10, cost=cost)
    return cost.peak_bytes, peak_bytes(device)
