"""Protocols: the defaults of a whole job by name. What a request gives itself comes before them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from method.architectures import convnet_for, default_architectures
from method.registry import registry

PAPER = "paper"
QUICK = "quick"


@dataclass(frozen=True)
class Protocol:
    """One protocol.

    architectures: those of an evaluation for images of a size in pixels.
    labeler, evaluation: what takes the place of the defaults of these parts of a job, as its params hold them.
    """

    name: str
    title: str
    architectures: Callable[[int], list[str]]
    labeler: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)


PROTOCOLS: dict[str, Protocol] = registry(
    (
        Protocol(PAPER, "the paper's: five architectures, five trials, 1,000 epochs, all views", default_architectures),
        # The settings of `examples/demo.py`, with fewer epochs of the labeler: that everything works, and a first
        # impression. At 10 images a class of 32 px it trains for minutes on two cores.
        Protocol(
            QUICK,
            "minutes on two cores: one ConvNet, three trials, 24 epochs, two views a step; no number to quote",
            lambda size: [convnet_for(size)],
            labeler={"epochs": 3, "batch_size": 32, "momentum": 0.9},
            evaluation={
                "trials": 3,
                "overrides": {"epochs": 24, "batch_size": 25, "lr": 0.01, "views": "sampled:2", "reduction": "mean"},
            },
        ),
    )
)
