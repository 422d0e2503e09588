"""Which of the paper's numbers (`method.paper`) may stand beside the rows of a report."""

from collections.abc import Mapping

from api_schemas.evaluation import Evaluation, EvaluationSummary, PaperNumber
from api_schemas.presets import PaperResult
from method import paper
from method.architectures import default_architectures
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core

METHOD_TAG = "paper"
"""The tag of a job that says what distilled its set."""


def _shown(result: paper.Result) -> PaperResult:
    return PaperResult(
        method=result.method,
        class_map=result.class_map,
        resolution=paper.RESOLUTION,
        ipc=result.ipc,
        k=len(result.architectures),
        arms=result.arms,
        source=result.source,
    )


_AT_FIVE = [_shown(found) for found in paper.results() if found.source in ("Table 5", "Table 6")]
[TABLE_6] = [found for found in _AT_FIVE if found.source == "Table 6"]
RESULTS = [TABLE_6 if found.method == TABLE_6.method else found for found in _AT_FIVE if found is not TABLE_6]
"""One entry for each method: ImageNette at 128 px with 5 images per class, over all five architectures."""


def beside(core: Core, tags: Mapping[str, str], evaluation: Evaluation | None) -> list[PaperNumber]:
    """Return the paper's number for each k-CAE of a report that has one.

    The tag `paper` names the method; classes, resolution, images per class, architectures and the point of a
    label-augmented set must be the paper's. Epochs and trials need not: the report's protocol shows them.
    """
    result = next((found for found in RESULTS if found.method == tags.get(METHOD_TAG)), None)
    if result is None or evaluation is None:
        return []
    source = core.catalogue.dataset(evaluation.source_dataset)
    return [
        PaperNumber(
            dataset=summary.dataset,
            arm=summary.arm,
            cae_mean=result.arms[summary.arm],
            source=f"{result.method}, {result.class_map} at {result.resolution} px, {result.ipc} IPC ({result.source})",
        )
        for summary in evaluation.summary
        if summary.arm in result.arms and _is_of(result, summary, core.catalogue.dataset(summary.dataset), source)
    ]


def _is_of(
    result: PaperResult, summary: EvaluationSummary, dataset: DatasetManifest | None, source: DatasetManifest | None
) -> bool:
    if dataset is None or source is None:
        return False
    stats, made = dataset.measured, dataset.augmentation
    return (
        # The classes of both sets are the same ones, and either may have been uploaded with their name.
        result.class_map in (dataset.metadata.class_map, source.metadata.class_map)
        and (stats.ipc, stats.image_shape) == (result.ipc, [3, result.resolution, result.resolution])
        and set(summary.architectures) == set(default_architectures(result.resolution))
        and (made is None or (made.n, made.ratio, made.epoch) == paper.POINT)
    )
