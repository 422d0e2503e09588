"""The exponential moving average of the weights, which GLaD tests in place of the trained network."""

import copy
from itertools import chain

import torch
from torch import nn


class MovingAverage:
    """A copy of a model, `model`, whose weights follow those of the model it is updated with.

    Update n (from 1) moves it by 1 - min(beta, 1 - 1/n) of the way: a plain mean of the first 1 / (1 - beta) updates,
    then exponential. This is `ema_pytorch.EMA(model, beta, power=1, update_after_step=0, update_every=1)` as GLaD
    calls it. `updates` counts them. Floating-point buffers are averaged as well, others stay as they were.
    """

    def __init__(self, model: nn.Module, beta: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._beta = beta
        self.updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the weights of `model`; the first update copies them."""
        self.updates += 1
        decay = min(self._beta, 1 - 1 / self.updates)
        averages, current = [
            [values for values in chain(network.parameters(), network.buffers()) if values.is_floating_point()]
            for network in (self.model, model)
        ]
        torch._foreach_lerp_(averages, current, 1 - decay)
