"""DATM's deployment protocol."""

from dataclasses import replace

from workers.ladd.recipes.mtt import mtt
from workers.ladd.recipes.recipe import Recipe


def datm(architecture: str, learned_lr: float | None) -> Recipe:
    """DATM `distill/evaluation.py`: MTT's protocol in batches of 128.

    The learned learning rate for every architecture, 1,001 passes, a tenth of it and fresh momentum past half-way,
    weight decay 5e-4, DSA, test of the weights after the last epoch.
    """
    return replace(mtt(architecture, learned_lr), name="datm", batch_size=128)
