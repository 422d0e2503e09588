"""Arms: the ways to train that an evaluation compares, the seven rows of the paper's Table 6 and controls."""

from dataclasses import dataclass
from typing import Literal

from method import files
from method.registry import registry

LabelKind = Literal["hard", "soft", "both", "live"]

LR_FACTORS = (1, 3, 10, 30)
"""Of the recipe's learning rate, for an arm that is to have the one that suits it. The largest is about what Eq. 5's
sum of 26 terms can make of a step."""


@dataclass(frozen=True)
class Arm:
    """Which images a network is trained on, and with which labels; None leaves the images out.

    full_images, views: the distilled images, and their local views. "hard": the class of the image; "soft": the
        labeler's answer to that very image or view; "both": the sum of both losses, at the cost of one forward;
        "live": what the labeler says of the augmented row, asked at every step; an arm has that or stored labels.
    images: "own", those of the set; "random", real ones picked at random; "plus", a set with one image more per class.
    best_lr: whether a trial trains at each of `LR_FACTORS` times the recipe's learning rate, and keeps the best.
    """

    name: str
    full_images: LabelKind | None
    views: LabelKind | None
    images: Literal["own", "random", "plus"] = "own"
    best_lr: bool = False

    @property
    def networks(self) -> int:
        """How many networks one trial trains."""
        return len(LR_FACTORS) if self.best_lr else 1

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
        """Files of the source set that a trial needs: to test on, and to choose by."""
        chosen_by = [files.TRAIN_IMAGES, files.TRAIN_LABELS] if self.best_lr else []
        return [files.VAL_IMAGES, files.VAL_LABELS, *chosen_by]


BASELINE = "baseline"
"""The arm that every other one is compared with."""
LADD = "ladd"
"""Eq. 5."""

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
        Arm("baseline_best_lr", full_images="hard", views=None, best_lr=True),
        # How much is due to the images, and how much to their labels.
        Arm("random", full_images="hard", views=None, images="random"),
        Arm("random_ladd", full_images="hard", views="soft", images="random"),
        # baseline++ of the paper: what the bytes of the dense labels would buy as one image more of each class.
        Arm("baseline_plus", full_images="hard", views=None, images="plus"),
        # RDED with its online teacher, which the paper's Table 3 marks as against the rules: a ceiling.
        Arm("online", full_images="live", views=None),
    )
)

TABLE_6 = tuple(list(ARMS)[:7])
"""The rows of the paper's Table 6, in its order."""
