"""Differentiable Siamese augmentation (DSA): its families, and how a strategy names them.

Zhao & Bilen, "Dataset Condensation with Differentiable Siamese Augmentation" (ICML 2021).
"""

FAMILIES = ("color", "crop", "cutout", "flip", "scale", "rotate")
"""Each draw takes one of those that the strategy names, as likely as any other."""

NONE = "none"
"""The strategy without augmentation."""

STRATEGY = "_".join(FAMILIES)
"""`DSA_strategy` of MTT and GLaD for colour images."""


def parse_strategy(strategy: str) -> tuple[str, ...]:
    """Return the families that a strategy such as "color_crop_flip" names; ("none",) for "none".

    Raises ValueError for a part that is not a family.
    """
    families = tuple(strategy.split("_"))
    if families == (NONE,):
        return families
    for family in families:
        if family not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise ValueError(
                f"augmentation must be 'none' or families out of {known} joined by '_'; "
                f"got {strategy!r}, whose part {family!r} is none of them"
            )
    return families
