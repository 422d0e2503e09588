"""GLaD's deployment protocol, the one that the LADD paper cites for its tables."""

from workers.ladd.engine.dsa import STRATEGY
from workers.ladd.recipes.recipe import Recipe

SLOWER = {"VGG11": 1e-4}
"""Learning rates that differ from 1e-3."""


def glad(architecture: str, learned_lr: float | None) -> Recipe:
    """GLaD `utils.py` `evaluate_synset` with `decay="cosine"`, learning rates of `glad_utils.py` `eval_loop`.

    1,000 epochs, the first half a linear warm-up, the second a cosine; batch 256; the test runs on an exponential
    moving average of the weights (0.995, updated once per epoch). A learned learning rate is not used, as in GLaD.
    Views and reduction are Eq. 5 as written.
    """
    return Recipe(
        name="glad",
        lr=SLOWER.get(architecture, 1e-3),
        momentum=0.9,
        weight_decay=5e-4,
        epochs=1000,
        batch_size=256,
        schedule="warmup_cosine",
        warmup_epochs=500,
        ema_beta=0.995,
        augmentation=STRATEGY,
        views="full",
        reduction="sum",
    )
