"""Arms: the ways to train that an evaluation compares, the rows of the paper's Table 6 (section 4.3) and controls."""

from dataclasses import dataclass
from typing import Literal

from method import files
from method.registry import registry

LabelKind = Literal["hard", "soft", "both", "live"]

LR_FACTORS = (1, 3, 10, 30)
"""Of the recipe's learning rate, for an arm that is to have the one that suits it. The largest is about what Eq. 5's
sum of 26 terms can make of a step."""
VIEWS_LR_FACTORS = (0.1, 0.3, 1, 3)
"""The same for an arm whose loss has that sum, and with it such steps already: the rate that suits it may be lower."""


@dataclass(frozen=True)
class Arm:
    """Which images a network is trained on, and with which labels; None leaves the images out.

    full_images, views: the distilled images, and their local views. "hard": the class of the image; "soft": the
        labeler's answer to that very image or view; "both": the sum of both losses, at the cost of one forward;
        "live": what the labeler says of the augmented row, asked at every step; an arm has that or stored labels.
    images: "own", those of the set; "random", as many real ones picked at random; "real", all real ones, which are gone
        through `method.recipes.REAL_EPOCHS` times; "plus", a set with one image more per class.
    lr_factors: of the recipe's learning rate, from the lowest: a trial trains at each, and keeps the best.
    augmented: whether images are augmented and mixed as the recipe says; else neither augmented nor mixed.
    matched: whether the epochs are stretched until as many images are forwarded as views and images under `ladd`.
    """

    name: str
    full_images: LabelKind | None
    views: LabelKind | None
    images: Literal["own", "random", "real", "plus"] = "own"
    lr_factors: tuple[float, ...] = (1,)
    augmented: bool = True
    matched: bool = False

    @property
    def networks(self) -> int:
        """How many networks one trial trains."""
        return len(self.lr_factors)

    @property
    def best_lr(self) -> bool:
        """Whether a trial chooses its learning rate."""
        return self.networks > 1

    @property
    def asks_labeler(self) -> bool:
        """Whether the labeler itself is needed while a network is trained."""
        return "live" in (self.full_images, self.views)

    @property
    def label_files(self) -> list[str]:
        """Files of a label-augmented set that the arm needs besides images and the set's own labels."""
        soft = {files.FULL_LABELS: self.full_images, files.DENSE_LABELS: self.views}
        return [file for file, kind in soft.items() if kind in ("soft", "both")]

    @property
    def source_files(self) -> list[str]:
        """Files of the source set that a trial needs: to test on, and to choose by or to train on."""
        train = [files.TRAIN_IMAGES, files.TRAIN_LABELS] if self.best_lr or self.images == "real" else []
        return [files.VAL_IMAGES, files.VAL_LABELS, *train]

    @property
    def needs_views(self) -> bool:
        """Whether its set must have views: to train on, or to count."""
        return self.views is not None or self.matched


BASELINE = "baseline"
"""The arm that every other one is compared with."""
LADD = "ladd"
"""Eq. 5 (section 3.3)."""
RANDOM = "random"
"""The baseline on real images: what distilling them was worth."""
RANDOM_LADD = "random_ladd"
"""LADD on real images: what its labels do alone."""
REAL = "real"
"""All the data that was distilled."""
PLUS = "baseline_plus"
"""The paper's baseline++ (section 4.2)."""

ARMS: dict[str, Arm] = registry(
    (
        Arm(BASELINE, full_images="hard", views=None),
        Arm("full_soft", full_images="soft", views=None),
        Arm("full_both", full_images="both", views=None),
        Arm("sub_hard", full_images=None, views="hard"),
        Arm("sub_soft", full_images=None, views="soft"),
        Arm("sub_both", full_images=None, views="both"),
        # Eq. 5: cross-entropy with the class on the image, with the dense labels on its views.
        Arm(LADD, full_images="hard", views="soft"),
        # How much of a gain may be step size: Eq. 5's sum of 26 terms acts like a larger learning rate.
        Arm("baseline_best_lr", full_images="hard", views=None, lr_factors=LR_FACTORS),
        Arm("ladd_best_lr", full_images="hard", views="soft", lr_factors=VIEWS_LR_FACTORS),
        # How much is due to the labels, and how much to a longer training.
        Arm("baseline_matched", full_images="hard", views=None, matched=True),
        # How much is due to the images, and how much to their labels.
        Arm(RANDOM, full_images="hard", views=None, images="random"),
        Arm(RANDOM_LADD, full_images="hard", views="soft", images="random"),
        # What all images are worth.
        Arm(REAL, full_images="hard", views=None, images="real"),
        # What images are worth without augmentation.
        Arm("baseline_noaug", full_images="hard", views=None, augmented=False),
        Arm("random_noaug", full_images="hard", views=None, images="random", augmented=False),
        Arm("real_noaug", full_images="hard", views=None, images="real", augmented=False),
        # What the labels' bytes would buy as one image more of each class.
        Arm(PLUS, full_images="hard", views=None, images="plus"),
        # RDED with its online teacher, which the paper's Table 3 marks as against the rules: a ceiling.
        Arm("online", full_images="live", views=None),
    )
)

TABLE_6 = tuple(list(ARMS)[:7])
"""The rows of the paper's Table 6, in its order."""
