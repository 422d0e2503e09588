"""Arms: the ways to train that an evaluation compares, the seven rows of the paper's Table 6 and controls."""

from dataclasses import dataclass
from typing import Literal

LabelKind = Literal["hard", "soft", "both"]


@dataclass(frozen=True)
class Arm:
    """Which images a network is trained on, and with which labels; None leaves the images out.

    `full_images`: the distilled images; `views`: their local views. "hard": the class of the image; "soft": what the
    labeler said about that very image or view; "both": the sum of both losses, at the cost of one forward.
    `best_lr`: at the learning rate that suits it (`workers.ladd.evaluation.trial`), not at the recipe's.
    """

    name: str
    full_images: LabelKind | None
    views: LabelKind | None
    best_lr: bool = False


ARMS = {
    arm.name: arm
    for arm in (
        Arm("baseline", full_images="hard", views=None),
        Arm("full_soft", full_images="soft", views=None),
        Arm("full_both", full_images="both", views=None),
        Arm("sub_hard", full_images=None, views="hard"),
        Arm("sub_soft", full_images=None, views="soft"),
        Arm("sub_both", full_images=None, views="both"),
        # Eq. 5: cross-entropy with the class on the image, with the dense labels on its views.
        Arm("ladd", full_images="hard", views="soft"),
        # How much of a gain may be step size: Eq. 5's sum of 26 terms acts like a larger learning rate.
        Arm("baseline_best_lr", full_images="hard", views=None, best_lr=True),
        # On real images picked at random: how much is due to the images, and how much to their labels.
        Arm("random", full_images="hard", views=None),
        Arm("random_ladd", full_images="hard", views="soft"),
        # baseline++ of the paper: what the bytes of the dense labels would buy as one image more of each class.
        Arm("baseline_plus", full_images="hard", views=None),
    )
}
