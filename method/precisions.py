"""Precisions: the arithmetic that a deployment training may use, and how a report calls the one that was used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from method.registry import registry


@dataclass(frozen=True)
class Precision:
    """`title`: the rule in one line. `tf32`: whether cuDNN's convolutions may multiply float32 in TF32."""

    name: str
    title: str
    tf32: bool


PUBLISHED = "published"
"""As the published loops compute, which leave torch's defaults alone: the default of an evaluation."""
EXACT = "exact"
FAST = "fast"

PRECISIONS: dict[str, Precision] = registry(
    (
        # torch's default is TF32 for cuDNN's convolutions and IEEE float32 for matrix products
        # (https://docs.pytorch.org/docs/stable/notes/cuda.html). The loops of DC, MTT, GLaD and DATM do not change it.
        Precision(PUBLISHED, "float32, on a GPU with TF32 convolutions, as the published loops compute", tf32=True),
        Precision(EXACT, "IEEE float32 throughout", tf32=False),
        Precision(FAST, "bfloat16 where the processor or GPU has it", tf32=True),
    )
)

UNNAMED = EXACT
"""The precision of a training whose settings name none: it was planned before there were published ones."""

_FORMATS = {"float32": "IEEE float32", "tf32": "float32, TF32 convolutions"}


def arithmetic_in_words(recipe: Mapping[str, Any]) -> str:
    """Return what a row of a report was computed in, from its `recipe`: "float32, TF32 convolutions, compiled".

    A row whose trials were computed in several has them all; "-" for a row that does not say.
    """
    told = recipe.get("arithmetic")
    each = told if isinstance(told, list) else [told]
    return " / ".join(dict.fromkeys(_in_words(arithmetic) for arithmetic in each if arithmetic)) or "-"


def _in_words(arithmetic: Mapping[str, Any]) -> str:
    dtype = str(arithmetic["dtype"])
    return ", ".join([_FORMATS.get(dtype, dtype), *(name for name, used in arithmetic.items() if used is True)])
