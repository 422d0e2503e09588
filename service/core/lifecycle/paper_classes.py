"""The paper's accuracies of its hard classes (`method.hard_classes`), for reports of the set they were found on."""

from collections.abc import Mapping

from api_schemas.evaluation import Evaluation, PaperClass
from method.arms import BASELINE, LADD
from method.class_maps import imagenet_indices
from method.hard_classes import CLASS_MAP, HARD_CLASSES, IPC, METHOD
from method.paper import RESOLUTION
from service.core.clients import Core
from service.core.lifecycle.paper import METHOD_TAG, is_the_papers


def beside(core: Core, tags: Mapping[str, str], evaluation: Evaluation | None) -> list[PaperClass]:
    """Return the numbers of each set of an evaluation that is the paper's, as the tag `paper` says.

    Classes, resolution, images per class and the point of a label-augmented set must be the paper's; the networks need
    not, as the paper does not name them.
    """
    source = core.catalogue.dataset(evaluation.source_dataset) if evaluation else None
    if evaluation is None or source is None or tags.get(METHOD_TAG) != METHOD:
        return []
    indices = imagenet_indices(CLASS_MAP)
    return [
        PaperClass(
            dataset=id,
            label=indices.index(index),
            arm=arm,
            accuracy=accuracy,
            source=f"{METHOD}, {CLASS_MAP} at {RESOLUTION} px, {IPC} IPC (section 4.4)",
        )
        for id in dict.fromkeys(row.dataset for row in evaluation.rows)
        if (dataset := core.catalogue.dataset(id)) is not None
        and is_the_papers(dataset, source, CLASS_MAP, IPC, RESOLUTION)
        for index, accuracies in HARD_CLASSES.items()
        for arm, accuracy in zip((BASELINE, LADD), accuracies, strict=True)
    ]
