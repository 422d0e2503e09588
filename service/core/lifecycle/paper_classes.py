"""The paper's accuracies of its hard classes (`method.hard_classes`), for reports of the set they were found on."""

from collections.abc import Mapping

from api_schemas.evaluation import Evaluation, PaperClass
from method.arms import BASELINE, LADD
from method.class_maps import imagenet_indices
from method.class_names import imagenet_key, meaning
from method.hard_classes import CLASS_MAP, HARD_CLASSES, IPC, METHOD
from method.paper import RESOLUTION, has_classes
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.lifecycle.paper import METHOD_TAG, has_the_labels, is_the_papers


def beside(core: Core, tags: Mapping[str, str], evaluation: Evaluation | None) -> list[PaperClass]:
    """Return the numbers of each set of an evaluation that is the paper's, as the tag `paper` says.

    Classes, resolution, images per class and, of LADD, the point of the labels must be the paper's; the networks need
    not, as the paper does not name them.
    """
    source = core.catalogue.dataset(evaluation.source_dataset) if evaluation else None
    if evaluation is None or source is None or tags.get(METHOD_TAG) != METHOD:
        return []
    labels = _labels(source)
    return [
        PaperClass(
            dataset=id,
            label=labels[index],
            arm=arm,
            accuracy=accuracy,
            source=f"{METHOD}, {CLASS_MAP} at {RESOLUTION} px, {IPC} IPC (section 4.4)",
        )
        for id in dict.fromkeys(row.dataset for row in evaluation.rows)
        if (dataset := core.catalogue.dataset(id)) is not None
        and is_the_papers(dataset, source, CLASS_MAP, IPC, RESOLUTION)
        for index, accuracies in HARD_CLASSES.items()
        for arm, accuracy in zip((BASELINE, LADD), accuracies, strict=True)
        if has_the_labels(dataset, arm)
    ]


def _labels(source: DatasetManifest) -> dict[int, int]:
    """Return {ImageNet index: label} by the names of a source set's classes; where they do not tell, by the class map.

    The names of class folders are in their own order, which need not be that of the class map.
    """
    indices, names = imagenet_indices(CLASS_MAP), [each.name for each in source.measured.class_counts]
    if not has_classes(CLASS_MAP, names):
        return {index: label for label, index in enumerate(indices)}
    meanings = [meaning(name) for name in names]
    return {index: meanings.index(imagenet_key(index)) for index in indices}
