"""The settings of a deployment training, apart from the images: one frozen record that goes into every result."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from method.augmentation import MIXES, NONE, MixName, parse_strategy
from method.precisions import PRECISIONS, PUBLISHED
from method.recipes import OPTIMIZERS, SCHEDULES, Optimizer, Schedule, passes
from method.seed_rules import SEED_RULE, SEED_RULES
from method.views import drawn_views, is_policy, reduction_of, view_weight


@dataclass(frozen=True)
class Recipe:
    """One deployment protocol for one architecture; the last epoch is the result.

    lr, momentum, weight_decay: of the optimizer; `lr` is the highest learning rate, of AdamW `momentum` is beta 1.
    epochs: as the protocol counts them; `passes` says how often the set is gone through.
    batch_size: distilled images of one optimizer step; their views come on top.
    schedule, warmup_epochs: see `workers.ladd.deployment.schedule`; only "warmup_cosine" warms up.
    ema_beta: decay of the averaged model that is tested, None to test the trained model itself.
    augmentation: a DSA strategy, "resized_crop:A" or "none". One operation per optimizer step, drawn after the crop:
        all full images and views of a step share its family, each has its own parameters.
    views: "full": all views of an image at every step, as Eq. 5 is written. "sampled:K": K different views drawn for
        each image and step, weighted so that the expected loss and gradient are those of "full". "pool": no term per
        view; a step takes its batch from full images and views alike, at the cost of the baseline.
    view_weight: of the mean over an image's views in its loss, beside 1 of the whole image; None: as many as there are
        views, which is their sum (Eq. 5). With 25 views that makes the loss up to 26 times larger, which acts like a
        larger learning rate. It has no meaning for "pool".
    precision: "published": float32, whose convolutions are in TF32 on a GPU, as the published loops have it. "exact":
        IEEE float32 throughout. "fast": whatever `workers.ladd.engine.execution` has for the architecture and the
        device, as a rule bfloat16 under autocast. The test is in float32, IEEE under "exact".
    deterministic: whether the same training is to have the same bits on the same kind of GPU; on a CPU it has.
    seed_rule: what the random numbers depend on (`method.seed_rules`).
    optimizer: "sgd", or "adamw", which takes no weight decay of biases and scales (RDED, SRe2L), beta 2 being 0.999.
    temperature: T of the divergence of the network's answer from the labeler's, see `workers.ladd.deployment.loss`;
        None: cross-entropy.
    mix: of every row of a step with another of its kind, see `workers.ladd.engine.mixing`.
    micro_batch: rows forwarded at once, None for the rule of `engine.micro_batch`. Not part of the mathematics,
        but ViT's dropout masks are drawn micro-batch by micro-batch.

    Raises ValueError naming field, rule and value.
    """

    name: str
    lr: float
    momentum: float
    weight_decay: float
    epochs: int
    batch_size: int
    schedule: Schedule
    warmup_epochs: int
    ema_beta: float | None
    augmentation: str
    views: str
    view_weight: float | None = None
    precision: str = PUBLISHED
    deterministic: bool = False
    seed_rule: int = SEED_RULE
    micro_batch: int | None = None
    optimizer: Optimizer = "sgd"
    temperature: float | None = None
    mix: MixName = "none"

    def __post_init__(self) -> None:
        _check_real("lr", self.lr, lambda lr: lr > 0, "above 0")
        _check_real("momentum", self.momentum, lambda momentum: 0 <= momentum < 1, "in [0, 1)")
        _check_real("weight_decay", self.weight_decay, lambda decay: decay >= 0, "at least 0")
        _check_count("epochs", self.epochs, 1)
        _check_count("batch_size", self.batch_size, 1)
        _check_choice("schedule", self.schedule, SCHEDULES)
        _check_count("warmup_epochs", self.warmup_epochs, 0)
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"warmup_epochs must be at most epochs, {self.epochs}; got {self.warmup_epochs}",
            )
        if self.ema_beta is not None:
            _check_real("ema_beta", self.ema_beta, lambda beta: 0 < beta < 1, "in (0, 1), or null")
        parse_strategy(self.augmentation)
        if not is_policy(self.views):
            raise ValueError(f"views must be 'full', 'pool' or 'sampled:K' with K of at least 1; got {self.views!r}")
        if self.view_weight is not None:
            _check_real("view_weight", self.view_weight, lambda weight: weight > 0, "above 0, or null")
        _check_choice("precision", self.precision, tuple(PRECISIONS))
        _check_choice("deterministic", self.deterministic, (False, True))
        _check_choice("seed_rule", self.seed_rule, SEED_RULES)
        if self.micro_batch is not None:
            _check_count("micro_batch", self.micro_batch, 1)
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)
        if self.temperature is not None:
            _check_real("temperature", self.temperature, lambda temperature: temperature > 0, "above 0, or null")
        _check_choice("mix", self.mix, (NONE, *MIXES))

    @property
    def passes(self) -> int:
        """How often the set is gone through."""
        return passes(self.schedule, self.epochs)

    def views_per_image(self, view_count: int) -> int:
        """How many of `view_count` views of an image one step of "full" or "sampled:K" takes.

        Raises ValueError if K is larger than `view_count`.
        """
        drawn = drawn_views(self.views)
        if drawn is None:
            return view_count
        if drawn > view_count:
            raise ValueError(f"views must not sample more than the {view_count} views there are; got {self.views!r}")
        return drawn

    def shown(self, view_count: int) -> dict[str, Any]:
        """Return the fields as a result has them, of a set with `view_count` views an image.

        `view_weight` is a number, None for a set without views; `reduction` is its name where it has one.
        """
        name = reduction_of(self.view_weight, view_count)
        weight = view_weight(self.view_weight, view_count) if view_count else None
        return asdict(self) | {"view_weight": weight} | ({"reduction": name} if name else {})


def _check_real(field: str, value: object, accepts: Callable[[float], bool], rule: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not accepts(value):
        raise ValueError(f"{field} must be a number {rule}; got {value!r}")


def _check_count(field: str, value: object, minimum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"{field} must be a whole number of at least {minimum}; got {value!r}")


def _check_choice(field: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{field} must be one of {', '.join(map(str, choices))}; got {value!r}")
