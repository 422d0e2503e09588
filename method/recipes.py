"""Deployment protocols: how a network is trained on a set. `workers.ladd.recipes` makes them runnable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from method.architectures import ARCHITECTURES
from method.augmentation import MIXES, RESIZED_CROP, STRATEGY, MixName
from method.registry import registry

Schedule = Literal["warmup_cosine", "step", "cosine", "half_cosine"]
SCHEDULES: tuple[Schedule, ...] = ("warmup_cosine", "step", "cosine", "half_cosine")

Optimizer = Literal["sgd", "adamw"]
OPTIMIZERS: tuple[Optimizer, ...] = ("sgd", "adamw")

EPOCHS = 1000
"""Of GLaD's `eval_loop`, MTT's and DATM's `evaluate_synset`, and of the paper (section 4.1)."""
TRIALS = 5
"""Of the paper (section 4.1)."""

REAL_EPOCHS = 50
"""Of a training on all real images: those of MTT's experts (`buffer.py`). A thousand are for small sets."""

EXTRA_PASSES: Mapping[Schedule, int] = {"warmup_cosine": 0, "step": 1, "cosine": 0, "half_cosine": 0}
"""Passes through the set beyond the epochs: `evaluate_synset` of MTT, and so of DATM, loops over range(Epoch + 1)."""


def passes(schedule: Schedule, epochs: int) -> int:
    """Return how often a training goes through the set."""
    return epochs + EXTRA_PASSES[schedule]


def matched_epochs(schedule: Schedule, epochs: int, forwards: int) -> int:
    """Return the epochs after which one forward an image has made as many as `epochs` of so many forwards an image."""
    return forwards * passes(schedule, epochs) - EXTRA_PASSES[schedule]


def default_warmup(schedule: Schedule, epochs: int) -> int:
    """Return the epochs of warm-up: half of them, as GLaD does, where the schedule has one."""
    return epochs // 2 if schedule == "warmup_cosine" else 0


@dataclass(frozen=True)
class RecipeRule:
    """One protocol.

    lr, slow_lr, lr_of: learning rate, that of architectures that are `slow`, and those of others by name.
    learned_lr: whether the learning rate distilled along with the images takes their place.
    batch_size, batches: of a step, and by the images per class that a set has at least, the largest first.
    ema_beta: decay, once an epoch, of the averaged weights that are tested, at the recipe's own `epochs`; None: the
        weights themselves are. `ema_beta_for` has that of other numbers of epochs.
    temperature: of the network's and the labeler's answers in the divergence that is the loss; None: cross-entropy.
    """

    name: str
    lr: float
    slow_lr: float
    learned_lr: bool
    schedule: Schedule
    batch_size: int
    ema_beta: float | None
    momentum: float = 0.9
    weight_decay: float = 5e-4
    epochs: int = EPOCHS
    augmentation: str = STRATEGY
    optimizer: Optimizer = "sgd"
    temperature: float | None = None
    mix: MixName = "none"
    lr_of: Mapping[str, float] = field(default_factory=dict)
    batches: tuple[tuple[int, int], ...] = ()

    def lr_for(self, architecture: str, learned_lr: float | None) -> float:
        """Return the learning rate of an architecture on a set that came with `learned_lr`, None: without one."""
        if self.learned_lr and learned_lr is not None:
            return learned_lr
        return self.lr_of.get(architecture, self.slow_lr if ARCHITECTURES[architecture].slow else self.lr)

    def batch_for(self, images: int, num_classes: int) -> int:
        """Return the images of a step of a set with so many; `batches` count twice from 100 classes on (RDED)."""
        by_ipc = (batch for ipc, batch in self.batches if images >= ipc * num_classes)
        return next(by_ipc, self.batch_size) * (2 if self.batches and num_classes >= 100 else 1)

    def ema_beta_for(self, epochs: int) -> float | None:
        """Return the decay of a training of `epochs`: of fewer than the recipe's, the same part of them is averaged.

        An average reaches back over 1 / (1 - beta) epochs: at GLaD's 0.995 over 200 of 1,000, and so at 1 - 5 / epochs
        over a fifth of any. 0.995 itself would average over the whole of a short training, its warm-up included. None
        where that leaves nothing to average, for 5 epochs or fewer.
        """
        if self.ema_beta is None or epochs >= self.epochs:
            return self.ema_beta
        # Rounded, as 1 - 0.995 is not 0.005 to the last bit.
        beta = 1 - round((1 - self.ema_beta) * self.epochs, 9) / epochs
        return beta if beta > 0 else None


RECIPES: dict[str, RecipeRule] = registry(
    (
        # GLaD `utils.py` `evaluate_synset` with decay="cosine", learning rates of `glad_utils.py` `eval_loop`: the
        # protocol that the paper cites for its tables. A learned learning rate is not used.
        RecipeRule(
            "glad", lr=1e-3, slow_lr=1e-4, learned_lr=False, schedule="warmup_cosine", batch_size=256, ema_beta=0.995
        ),
        # MTT `utils.py` `evaluate_synset`: the learned rate for every architecture, a tenth of it and fresh momentum
        # past half-way. 0.01 is DatasetCondensation's and MTT's `lr_net`.
        RecipeRule("mtt", lr=0.01, slow_lr=0.01, learned_lr=True, schedule="step", batch_size=256, ema_beta=None),
        # DATM `distill/evaluation.py`: MTT's protocol in batches of 128.
        RecipeRule("datm", lr=0.01, slow_lr=0.01, learned_lr=True, schedule="step", batch_size=128, ema_beta=None),
        # RDED `argument.py`, `validation/main.py`: the learning rate does not fall below half of itself. Its networks
        # are torchvision's; of ViT it has the B/16. Its patches of factor 2 give the crops their area, 1 / 2; that it
        # shuffles them is left out.
        RecipeRule(
            "rded",
            lr=1e-3,
            slow_lr=5e-4,
            lr_of={"AlexNet": 1e-4, "ViT": 1e-4},
            learned_lr=False,
            schedule="half_cosine",
            batch_size=10,
            batches=((50, 100), (10, 50)),
            ema_beta=None,
            weight_decay=0.01,
            epochs=300,
            augmentation=f"{RESIZED_CROP}:0.5",
            optimizer="adamw",
            temperature=MIXES["cutmix"].temperature,
            mix="cutmix",
        ),
        # SRe2L `validate/train_FKD.py` with the options of its script (cosine, temperature 20), crops and mixture as in
        # `relabel/generate_soft_label.py`.
        RecipeRule(
            "sre2l",
            lr=1e-3,
            slow_lr=1e-3,
            learned_lr=False,
            schedule="cosine",
            batch_size=1024,
            ema_beta=None,
            weight_decay=0.01,
            epochs=300,
            augmentation=f"{RESIZED_CROP}:0.08",
            optimizer="adamw",
            temperature=20.0,
            mix="cutmix",
        ),
    )
)
