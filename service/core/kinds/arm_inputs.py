"""What each arm trains on, as its name says; `workers/ladd/arms.py` has the losses."""

from api_schemas.datasets import DatasetStats
from api_schemas.evaluation import ArmName

SOFT_LABELS = "soft_labels.npy"
"""Soft labels that a set was distilled with, which take the place of the classes in every arm."""
FULL_LABELS = "full_labels.npy"
"""The labeler's soft labels of the whole images."""
DENSE_LABELS = "dense_labels.npy"
"""Those of their views."""
WHITENING = "zca.safetensors"
"""ZCA fitted to the source set, for a set that was distilled in whitened space."""

_LABEL_FILES = {
    ArmName.FULL_SOFT: [FULL_LABELS],
    ArmName.FULL_BOTH: [FULL_LABELS],
    ArmName.SUB_SOFT: [DENSE_LABELS],
    ArmName.SUB_BOTH: [DENSE_LABELS],
    ArmName.LADD: [DENSE_LABELS],
    ArmName.RANDOM_LADD: [DENSE_LABELS],
}


LEARNING_RATES = 4
"""That a trial of `baseline_best_lr` trains a network at."""


def networks(arm: ArmName) -> int:
    """Return how many networks one trial trains."""
    return LEARNING_RATES if arm is ArmName.BASELINE_BEST_LR else 1


def source_files(arm: ArmName) -> list[str]:
    """Return the files of the source set that a trial needs."""
    held_out = ["train_images.npy", "train_labels.npy"] if arm is ArmName.BASELINE_BEST_LR else []
    return ["val_images.npy", "val_labels.npy", *held_out]


def own_files(stats: DatasetStats) -> list[str]:
    """Return the files of a distilled set as it came: its images and its own labels."""
    return ["images.npy", "labels.npy"] + [SOFT_LABELS] * (stats.soft_labels is not None)


def trains_on_images(arm: ArmName) -> bool:
    """Whether each step forwards the full images of its batch."""
    return not arm.startswith("sub_")


def trains_on_views(arm: ArmName) -> bool:
    """Whether each step forwards views of them."""
    return arm.startswith("sub_") or arm in (ArmName.LADD, ArmName.RANDOM_LADD)


def label_files(arm: ArmName) -> list[str]:
    """Return the files of a label-augmented set that the arm needs besides `own_files`."""
    return _LABEL_FILES.get(arm, [])
