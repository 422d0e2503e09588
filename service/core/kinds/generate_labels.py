"""`generate_labels`: write dense labels for a distilled set with one labeler or several."""

from collections.abc import Sequence

from api_schemas.cost import CostName
from api_schemas.datasets import ChannelStatistics, DatasetRole, DatasetStats
from api_schemas.ensemble import EpochChoice
from api_schemas.jobs import GenerateLabelsParams, GenerateLabelsRequest, ImageFormat, JobKind, LaddParams, Packing
from api_schemas.runner import TaskType
from method.encodings import classes_kept
from method.files import TRAIN_IMAGES, TRAIN_LABELS
from method.labeler import MOST_JUDGED_ON
from method.layers import FLOAT32_BYTES
from method.normalizations import TestNormalization
from method.precisions import EXACT
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.kinds.chosen_labelers import ChosenLabeler, choose_existing, chooses
from service.core.kinds.evaluated_set import own_files
from service.core.kinds.kind import Kind
from service.core.kinds.normalizations import RealNormalization, check_published, real_normalization
from service.core.kinds.report import plan_report
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Plan, Ref, TaskCost, TaskPlan


def plan(core: Core, params: GenerateLabelsParams) -> Plan:
    """Plan the labelling and its report."""
    errors = ValidationErrors(core.catalogue)
    named = errors.dataset("dataset", params.dataset, DatasetRole.DISTILLED)
    labelers = choose_existing(errors, params.labeler, params.epoch, params.temperature, named)
    dataset = errors.sure(named)
    check_packing(errors, params, dataset)
    errors.raise_if_any()
    real = _real_normalization(core, errors, dataset, labelers[0], params.test_normalization)
    errors.raise_if_any()
    task = plan_labelling(dataset.id, dataset.measured, labelers, params, real)
    resolved = params.model_copy(update={"epoch": resolved_epoch(params.epoch, labelers)}).model_dump(mode="json")
    source = labelers[0].source_dataset
    report = plan_report(JobKind.GENERATE_LABELS, resolved, [task], [found.id for found in labelers], source, None)
    return Plan(params=resolved, tasks=[task, report], reads=[dataset.id, *held_out_sets(labelers, params)])


def _real_normalization(
    core: Core,
    errors: ValidationErrors,
    dataset: DatasetManifest,
    labeler: ChosenLabeler,
    rule: TestNormalization,
) -> RealNormalization:
    """Return what real images are normalised with beside the set; where none is known, what the labeler's are."""
    source = core.catalogue.dataset(labeler.source_dataset)
    if source is not None and source.stats is None:
        source = None
    if source is not None:
        check_published(errors, "", dataset, source, rule)
    real = real_normalization(dataset, None if source is None else source.measured.normalization, rule)
    if real is None:
        found = core.catalogue.labeler(labeler.id)
        assert found is not None
        return RealNormalization(ChannelStatistics(mean=found.mean, std=found.std), rule)
    return real


def resolved_epoch(asked: EpochChoice, labelers: Sequence[ChosenLabeler]) -> EpochChoice:
    """Return the epoch as the job's params show it: null stays where the members of an ensemble differ."""
    epochs = {found.epochs[0] for found in labelers}
    return epochs.pop() if asked is None and len(epochs) == 1 else asked


def held_out_sets(labelers: Sequence[ChosenLabeler], params: GenerateLabelsParams | LaddParams) -> list[str]:
    """Return the source sets whose held-out images are needed, each once."""
    if not chooses(params.epoch, params.temperature):
        return []
    return list(dict.fromkeys(found.source_dataset for found in labelers))


def check_packing(errors: ValidationErrors, packing: Packing, dataset: DatasetManifest) -> None:
    """Require an encoding with fewer classes than the set has, and files of images that hold the set's without loss."""
    stats = dataset.measured
    kept = classes_kept(packing.encoding)
    if kept is not None and kept >= stats.num_classes:
        message = f"top-k needs K below the number of classes, {stats.num_classes}"
        errors.add("encoding", "k_below_classes", packing.encoding, message)
    if packing.images is not ImageFormat.NPY and stats.dtype != "uint8":
        message = f"{packing.images} holds 8-bit images; those of {dataset.id} are {stats.dtype}, so use npy"
        errors.add("images", "eight_bit_images", packing.images, message)
    elif packing.images is ImageFormat.WEBP and stats.image_shape[0] != 3:
        message = f"webp holds images of 3 channels; those of {dataset.id} have {stats.image_shape[0]}, so use png"
        errors.add("images", "three_channels", packing.images, message)


def plan_labelling(
    dataset: str,
    stats: DatasetStats,
    labelers: Sequence[ChosenLabeler],
    params: GenerateLabelsParams | LaddParams,
    real: RealNormalization,
    after: Sequence[str] = (),
    point: str = "",
) -> TaskPlan:
    """Plan the task that makes the label-augmented set; `real` is what real images are normalised with beside it.

    `dataset` is the id of the set to label, which may not be there yet, and `stats` are its own.
    `point` tells the task apart from others of its kind in the same job. It leaves the dense labels, those of the whole
    images, and an archive with all arrays in it, whose encoding and compression are not predicted, and neither are its
    other formats.
    """
    forwards = stats.num_images * (params.views.n**2 + 1)
    soft_labels = FLOAT32_BYTES * forwards * stats.num_classes
    inputs = {"dataset": Ref("dataset", dataset, own_files(stats))}
    flops = 0
    for position, labeler in enumerate(labelers):
        inputs[f"labeler_{position}"] = Ref("labeler", labeler.id)
        flops += forwards * labeler.forward_flops
        if chooses(params.epoch, params.temperature):
            inputs[f"source_{position}"] = Ref("dataset", labeler.source_dataset, [TRAIN_IMAGES, TRAIN_LABELS])
            flops += MOST_JUDGED_ON * len(labeler.epochs) * labeler.forward_flops
    return TaskPlan(
        name=f"generate_labels:{point}" if point else "generate_labels",
        type=TaskType.GENERATE_LABELS,
        queue="gpu",
        params={
            "labelers": [{"id": labeler.id, "epochs": labeler.epochs} for labeler in labelers],
            "temperature": params.temperature,
            "views": params.views.model_dump(),
            "encoding": params.encoding,
            "images": params.images,
            "formats": sorted(set(params.formats)),
            "reuse": params.reuse,
            **real.params,
        },
        inputs=inputs,
        work=forwards * len(labelers),
        unit="views",
        after=after,
        makes=new_id("ds"),
        cost=TaskCost(
            part=CostName.LABELLING,
            architecture="+".join(labeler.network for labeler in labelers),
            precision=EXACT,
            flops=flops,
            bytes=soft_labels + (stats.bytes + soft_labels),
        ),
    )


KIND = Kind(JobKind.GENERATE_LABELS, plan, GenerateLabelsRequest, [CostName.LABELLING])
