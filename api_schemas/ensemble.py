"""Which labeler writes dense labels: one, or the mean of several."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from api_schemas.base import LabelerId, Request


class Ensemble(Request):
    """Several labelers as one: the mean of their softmax. `epoch` and `temperature` hold for each member."""

    ensemble: Annotated[list[LabelerId], Field(min_length=2, max_length=16)]


# The form that was meant is told by its looks, so that only its own rules are quoted when it breaks one.
OneLabeler = Annotated[LabelerId, Tag("id")]
SeveralLabelers = Annotated[Ensemble, Tag("ensemble")]
LabelerChoice = Annotated[
    OneLabeler | SeveralLabelers, Discriminator(lambda sent: "id" if isinstance(sent, str) else "ensemble")
]

EpochChoice = Annotated[int, Field(ge=1)] | Literal["auto"] | None
"""Null: epoch 10 (the paper's) when kept, else the last. `auto`: the kept epoch with the lowest cross-entropy on views
of the source images that the labeler's training held out."""

Temperature = Annotated[float, Field(gt=0, le=100)] | Literal["auto"]
"""Logits are divided by it before the softmax; 1 is the paper. `auto`: fitted on the same held-out views."""
