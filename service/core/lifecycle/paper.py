"""What the paper (Kang, Lim & Shim, WACV 2025) reports, and which rows of a report it may stand beside."""

from collections.abc import Mapping

from api_schemas.datasets import NamedClassMap
from api_schemas.evaluation import ArmName, Evaluation, EvaluationSummary, PaperNumber
from api_schemas.presets import PaperMethod, PaperResult
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.kinds.architectures import default_architectures

METHOD_TAG = "paper"
"""The tag of a job that says what distilled its set."""
POINT = (5, 0.625, 10)
"""N, R and the labeler's epoch behind all of the paper's main results (sections 3.2 and 4.1)."""


def _imagenette(method: PaperMethod, source: str, **arms: float) -> PaperResult:
    """A set of ImageNette at 128 px with 5 images per class, over all five architectures."""
    return PaperResult(
        method=method,
        class_map=NamedClassMap.IMAGENETTE,
        resolution=128,
        ipc=5,
        k=5,
        arms={ArmName(arm): value for arm, value in arms.items()},
        source=source,
    )


_FIVE_CAE = "5-CAE results"
TABLE_6 = _imagenette(
    PaperMethod.GLAD_MTT,
    "Table 6",
    baseline=44.2,
    full_soft=44.5,
    full_both=44.5,
    sub_hard=44.1,
    sub_soft=51.1,
    sub_both=50.7,
    ladd=53.9,
)
RESULTS = [
    _imagenette(PaperMethod.MTT, _FIVE_CAE, baseline=45.3, ladd=49.2),
    _imagenette(PaperMethod.AST, _FIVE_CAE, baseline=47.3, ladd=53.4),
    _imagenette(PaperMethod.TESLA, _FIVE_CAE, baseline=19.2, ladd=27.3),
    TABLE_6,
    _imagenette(PaperMethod.GLAD_GM, _FIVE_CAE, baseline=39.8, ladd=52.1),
    _imagenette(PaperMethod.GLAD_DM, _FIVE_CAE, baseline=37.2, ladd=49.9),
]
"""One entry for each method."""


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
        and (made is None or (made.n, made.ratio, made.epoch) == POINT)
    )
