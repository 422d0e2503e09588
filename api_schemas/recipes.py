"""Deployment protocols by name, and the fields of one that a request may replace."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from api_schemas.base import Request
from api_schemas.labelers import Architecture
from api_schemas.registered import Registered
from method import views
from method.augmentation import MixName
from method.precisions import PRECISIONS
from method.recipes import RECIPES, Optimizer
from method.views import Reduction

RecipeName = Annotated[
    str,
    Registered(
        "RecipeName",
        RECIPES,
        "Deployment protocols: GLaD's (the one the paper cites), MTT's and DATM's; RDED's and SRe2L's, which distil "
        "the labeler's answers at a temperature.",
    ),
]
"""A name of `method.recipes`."""

PrecisionName = Annotated[
    str,
    Registered(
        "PrecisionName",
        PRECISIONS,
        f"The arithmetic of a training. {'; '.join(f'`{each.name}`: {each.title}' for each in PRECISIONS.values())}.",
    ),
]
"""A name of `method.precisions`."""

LearningRate = Annotated[float, Field(gt=0, le=100)]
ViewPolicy = Annotated[str, StringConstraints(pattern=rf"^({views.POLICY}|{views.PROGRESSIVE})$")]
Epochs = Annotated[int, Field(ge=1, le=100_000)]
"""Of a training, as its recipe counts them (`method.recipes.EXTRA_PASSES`)."""


class RecipeOverrides(Request):
    """Fields of the recipe to replace; null keeps the recipe's own value."""

    lr: LearningRate | dict[Architecture, LearningRate] | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    weight_decay: Annotated[float, Field(ge=0, le=1)] | None = None
    epochs: Epochs | None = None
    real_epochs: Epochs | None = None
    """Of the arms `real`, whose set is large. Null: 50, as MTT trains its experts."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)] | None = None
    warmup_epochs: Annotated[int, Field(ge=0, le=100_000)] | None = None
    ema_beta: Annotated[float, Field(ge=0, lt=1)] | None = None
    """0 switches the averaged model off. Null: the recipe's; of fewer epochs than its own the same part is averaged."""
    augmentation: str | None = None
    """Families of DSA joined by underscores, `resized_crop:A` (crops of at least A of the area, and a flip), `none`."""
    optimizer: Optimizer | None = None
    """`adamw` takes `momentum` for its beta 1; its beta 2 is 0.999."""
    temperature: Annotated[float, Field(ge=0, le=1_000)] | None = None
    """T of the divergence of the network's answers from the labeler's; 0: cross-entropy with them. Null: the recipe's,
    or that which goes with `mix`."""
    mix: MixName | None = None
    """Every image and view of a step with another of its kind."""
    views: ViewPolicy | None = None
    """`progressive`: `sampled:1` first, then `full` where that leaves open which arm is better."""
    view_weight: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Of the views' term of Eq. 5: the mean of an image's views weighs so many times what the image itself does. Null:
    the number of its views, which is the sum over them, as Eq. 5 is written."""
    reduction: Reduction | None = None
    """Two weights by name, in the place of `view_weight`: `sum`, Eq. 5 as written, and `mean`, which is 1."""
    precision: PrecisionName | None = None
    """Null: `published`."""
    deterministic: bool | None = None
    """True: the same training on the same kind of device has the same bits, at a price in speed on a GPU; on a CPU it
    has them anyway."""
    seed_rule: Literal[1, 2] | None = None
    """Null: 2. 1 draws what trials drew in earlier versions: the same for all architectures."""
    micro_batch: Annotated[int, Field(ge=1, le=65_536)] | None = None

    @model_validator(mode="after")
    def _one_weight(self) -> "RecipeOverrides":
        if self.view_weight is not None and self.reduction is not None:
            raise ValueError("'reduction' names a 'view_weight': only one of both may be given")
        return self
