"""The paper's numbers (`method.paper`) that may stand beside those of a report."""

from collections.abc import Iterator, Mapping, Sequence

from api_schemas.evaluation import Evaluation, PaperNumber
from api_schemas.paper_tables import mean_here
from method import paper
from method.arms import ARMS
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core

METHOD_TAG = "paper"
"""The tag of a job that says what distilled its set."""


def beside(core: Core, tags: Mapping[str, str], evaluation: Evaluation | None) -> list[PaperNumber]:
    """Return the paper's number for whatever a report has measured of its tables, set by set and network by network.

    The tag `paper` names the method; classes, resolution, images per class and, of an arm that takes a labeler's
    labels, their point must be the paper's, and all networks of a k-CAE be there: others besides them do no harm.
    Epochs, trials and recipe need not be the paper's: the report's protocol shows them.
    """
    if evaluation is None or tags.get(METHOD_TAG) not in paper.METHODS:
        return []
    source = core.catalogue.dataset(evaluation.source_dataset)
    if source is None:
        return []
    measured: dict[str, dict[str, set[str]]] = {}
    for row in evaluation.rows:
        if row.in_summary:
            measured.setdefault(row.dataset, {}).setdefault(row.arm, set()).add(row.architecture)
    return [
        _shown(dataset, cells, evaluation)
        for dataset, of_arms in measured.items()
        if (manifest := core.catalogue.dataset(dataset)) is not None
        for cells in _shared(manifest, source, tags[METHOD_TAG], of_arms)
    ]


def _shared(
    dataset: DatasetManifest, source: DatasetManifest, method: str, of_arms: Mapping[str, set[str]]
) -> Iterator[list[paper.Cell]]:
    """Yield the cells about a set, those together that several tables print: single networks first, arms in turn."""
    found: dict[tuple[str, str], list[paper.Cell]] = {}
    for cell in paper.CELLS:
        if cell.method != method or not of_arms.get(cell.arm, set()) >= set(cell.architectures):
            continue
        ipc = cell.ipc + (ARMS[cell.arm].images == "plus")
        # The labeler of Table 3 is in the supplement alone.
        at_point = cell.table == "Table 3" or has_the_labels(dataset, cell.arm)
        if at_point and is_the_papers(dataset, source, cell.class_map, ipc, cell.resolution):
            found.setdefault((cell.model, cell.arm), []).append(cell)
    arms = list(ARMS)
    for _, cells in sorted(found.items(), key=lambda each: (each[1][0].k, each[0][0], arms.index(each[0][1]))):
        yield cells


def is_the_papers(
    dataset: DatasetManifest, source: DatasetManifest, class_map: str, ipc: int, resolution: int | None
) -> bool:
    """Tell whether a set is one that the paper has numbers about: its classes and images. `resolution` None: any."""
    stats = dataset.measured
    return (
        stats.ipc == ipc
        and (resolution is None or stats.image_shape == [3, resolution, resolution])
        and has_the_classes(dataset, source, class_map)
    )


def has_the_classes(dataset: DatasetManifest, source: DatasetManifest, class_map: str) -> bool:
    """Tell whether a set and its source set are about the classes of a source set of the paper, in whatever order.

    The classes of both are the same ones, and either may have been uploaded with their name.
    """
    return class_map in (dataset.metadata.class_map, source.metadata.class_map) or paper.has_classes(
        class_map, [each.name for each in source.measured.class_counts]
    )


def has_the_labels(dataset: DatasetManifest, arm: str) -> bool:
    """Tell whether the labels of a labeler that an arm takes, if any, are those of the paper's main results."""
    made = dataset.augmentation
    return made is None or not ARMS[arm].label_files or (made.n, made.ratio, made.epoch) == paper.POINT


def _shown(dataset: str, cells: Sequence[paper.Cell], evaluation: Evaluation) -> PaperNumber:
    first = cells[0]
    here, _ = mean_here(evaluation, dataset, first.arm, first.architectures)
    size = "" if first.resolution is None else f" at {first.resolution} px"
    return PaperNumber(
        dataset=dataset,
        arm=first.arm,
        cae_mean=first.mean,
        source=f"{first.method}, {first.class_map}{size}, {first.ipc} IPC",
        tables=[cell.table for cell in cells],
        architecture=first.model if first.k == 1 else None,
        architectures=list(first.architectures),
        std=next((cell.std for cell in cells if cell.std is not None), None),
        difference=here - first.mean,
        overhead=next((cell.overhead / 100 for cell in cells if cell.overhead is not None), None),
        remark=next((cell.remark for cell in cells if cell.remark is not None), None),
    )
