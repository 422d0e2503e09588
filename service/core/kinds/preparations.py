"""FLOPs that the sets of an evaluation took before deployment: its report draws them as the paper's Figure 2."""

from collections.abc import Sequence
from typing import Any

from api_schemas.ensemble import Ensemble
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.queue.plan import TaskPlan

Preparation = dict[str, Any]
"""Of one set, as a report's params hold it: the FLOPs of its `distillation`, and those of `labelling` and
`labeler_training`, null where nobody counted them. `labelled_by` names the task of the job that counts them instead."""


def prepared(core: Core, sets: Sequence[DatasetManifest]) -> list[Preparation]:
    """Return those of sets in the catalogue whose maker has told what the distillation took."""
    return [_prepared(core, found) for found in sets if found.metadata.distillation_flops is not None]


def labelled_here(dataset: DatasetManifest, labellings: Sequence[TaskPlan]) -> list[Preparation]:
    """Return those of the label-augmented sets that a job makes of `dataset`."""
    took = dataset.metadata.distillation_flops
    if took is None:
        return []
    return [{"dataset": task.makes, "distillation": took, "labelled_by": task.name} for task in labellings]


def _prepared(core: Core, found: DatasetManifest) -> Preparation:
    made = found.augmentation
    preparation = {"dataset": found.id, "distillation": found.metadata.distillation_flops}
    if made is None or made.labeler is None:
        return preparation | {"labelling": None, "labeler_training": None}
    names = made.labeler.ensemble if isinstance(made.labeler, Ensemble) else [made.labeler]
    labelers = [labeler for name in names if (labeler := core.catalogue.labeler(name)) is not None]
    if len(labelers) < len(names):  # One is deleted, and with it all that is known of it.
        return preparation | {"labelling": None, "labeler_training": None}
    forwards = found.measured.num_images * (made.n**2 + 1)
    trained = [labeler.flops for labeler in labelers if labeler.flops is not None]
    return preparation | {
        "labelling": forwards * sum(labeler.forward_flops for labeler in labelers),
        "labeler_training": sum(trained) if trained else None,
    }
