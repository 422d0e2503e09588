"""Augmentation of a step's images: DSA's families, random resized crops, mixtures of two, and how a recipe names them.

DSA: Zhao & Bilen, "Dataset Condensation with Differentiable Siamese Augmentation" (ICML 2021).
"""

from dataclasses import dataclass
from typing import Literal

from method.registry import registry

FAMILIES = ("color", "crop", "cutout", "flip", "scale", "rotate")
"""Each draw takes one of those that the strategy names, as likely as any other."""

NONE = "none"
"""The strategy without augmentation."""

STRATEGY = "_".join(FAMILIES)
"""`DSA_strategy` of MTT and GLaD for colour images."""

RESIZED_CROP = "resized_crop"
"""`resized_crop:A`: of every image a crop of at least A of its area, resized to the whole, and flipped or not."""


def parse_strategy(strategy: str) -> tuple[str, ...]:
    """Return the families that a strategy such as "color_crop_flip" names; ("none",) for "none".

    A strategy `resized_crop:A` is the one family of its own name. Raises ValueError for a part that is not a family.
    """
    if smallest_area(strategy) is not None:
        return (RESIZED_CROP,)
    families = tuple(strategy.split("_"))
    if families == (NONE,):
        return families
    for family in families:
        if family not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise ValueError(
                f"augmentation must be 'none', '{RESIZED_CROP}:A' with A above 0 and at most 1, or families out of "
                f"{known} joined by '_'; got {strategy!r}, whose part {family!r} is none of them"
            )
    return families


def smallest_area(strategy: str) -> float | None:
    """Return A of `resized_crop:A`, None for any other text."""
    name, _, text = strategy.partition(":")
    try:
        area = float(text)
    except ValueError:
        return None
    return area if name == RESIZED_CROP and 0 < area <= 1 else None


MixName = Literal["none", "cutmix", "mixup"]


@dataclass(frozen=True)
class Mix:
    """A mixture of every image of a step with another one; the share of the first is drawn from Beta(alpha, alpha).

    temperature: that of the labels that RDED's code pairs with it (`argument.py`).
    """

    name: MixName
    alpha: float
    temperature: float


MIXES: dict[str, Mix] = registry(
    (
        # Yun et al., "CutMix" (ICCV 2019), and Zhang et al., "mixup" (ICLR 2018), with RDED's and SRe2L's alphas.
        Mix("cutmix", alpha=1.0, temperature=20.0),
        Mix("mixup", alpha=0.8, temperature=4.0),
    )
)
