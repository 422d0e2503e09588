"""What each arm trains on, as its name says; `workers/ladd/arms.py` has the losses."""

from api_schemas.evaluation import ArmName

FULL_LABELS = "full_labels.npy"
"""The labeler's soft labels of the whole images."""
DENSE_LABELS = "dense_labels.npy"
"""Those of their views."""

_LABEL_FILES = {
    ArmName.FULL_SOFT: [FULL_LABELS],
    ArmName.FULL_BOTH: [FULL_LABELS],
    ArmName.SUB_SOFT: [DENSE_LABELS],
    ArmName.SUB_BOTH: [DENSE_LABELS],
    ArmName.LADD: [DENSE_LABELS],
}


def trains_on_images(arm: ArmName) -> bool:
    """Whether each step forwards the full images of its batch."""
    return not arm.startswith("sub_")


def trains_on_views(arm: ArmName) -> bool:
    """Whether each step forwards views of them."""
    return arm.startswith("sub_") or arm is ArmName.LADD


def label_files(arm: ArmName) -> list[str]:
    """Return the files of a label-augmented set that the arm needs besides images and hard labels."""
    return _LABEL_FILES.get(arm, [])
