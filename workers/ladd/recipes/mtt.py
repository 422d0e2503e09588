"""MTT's deployment protocol."""

from workers.ladd.engine.dsa import STRATEGY
from workers.ladd.recipes.recipe import Recipe

FALLBACK_LR = 0.01
"""DatasetCondensation's and MTT's `lr_net`, for a set that comes without a learned learning rate."""


def mtt(architecture: str, learned_lr: float | None) -> Recipe:
    """MTT `utils.py` `evaluate_synset`: one learning rate for every architecture, the one learned with the images.

    1,000 epochs (1,001 passes), batch 256, a tenth of the learning rate and fresh momentum past half-way, test of
    the weights themselves. Views and reduction are Eq. 5 as written.
    """
    return Recipe(
        name="mtt",
        lr=FALLBACK_LR if learned_lr is None else learned_lr,
        momentum=0.9,
        weight_decay=5e-4,
        epochs=1000,
        batch_size=256,
        schedule="step",
        warmup_epochs=0,
        ema_beta=None,
        augmentation=STRATEGY,
        views="full",
        reduction="sum",
    )
