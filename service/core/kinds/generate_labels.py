"""`generate_labels`: write dense labels for a distilled set with a trained labeler."""

from collections.abc import Collection, Sequence

from api_schemas.cost import CostName
from api_schemas.datasets import ChannelStatistics, DatasetRole
from api_schemas.jobs import GenerateLabelsParams, ImageFormat, JobKind, Packing, Views
from api_schemas.labelers import Architecture
from api_schemas.runner import TaskType
from service.core.catalogue import DatasetManifest
from service.core.core import Core
from service.core.flops import FLOAT32_BYTES, forward_flops, shape_of
from service.core.ids import new_id
from service.core.kinds.arm_inputs import own_files
from service.core.kinds.findings import Findings
from service.core.kinds.report import plan_report
from service.core.normalizations import training_statistics
from service.core.plan import Plan, Ref, TaskCost, TaskPlan

PAPER_EPOCH = 10
"""The labeler's checkpoint that LADD uses (section 3.2)."""


def plan(core: Core, params: GenerateLabelsParams) -> Plan:
    """Plan the labelling and its report."""
    findings = Findings(core.catalogue)
    dataset = findings.dataset("dataset", params.dataset, DatasetRole.DISTILLED)
    labeler = findings.labeler("labeler", params.labeler)
    findings.raise_if_any()
    assert dataset is not None
    assert labeler is not None
    findings.same_shape("labeler", dataset, labeler)
    epoch = choose_epoch(findings, "epoch", params.epoch, labeler.kept_epochs)
    check_packing(findings, params, dataset)
    findings.raise_if_any()
    # Without statistics of its own a set is trained with its source set's, as the labeler was by default.
    statistics = training_statistics(dataset.measured.normalization, None)
    task = plan_labelling(
        dataset,
        labeler.id,
        labeler.architecture,
        epoch,
        params.views,
        params,
        statistics or ChannelStatistics(mean=labeler.mean, std=labeler.std),
    )
    resolved = params.model_copy(update={"epoch": epoch}).model_dump(mode="json")
    report = plan_report(JobKind.GENERATE_LABELS, resolved, [task], labeler.id, labeler.source_dataset, None)
    return Plan(params=resolved, tasks=[task, report], reads=[dataset.id])


def choose_epoch(findings: Findings, field: str, asked: int | None, kept: Collection[int]) -> int:
    """Return the checkpoint to use: the one asked for, else the paper's when kept, else the last."""
    if asked is None:
        return PAPER_EPOCH if PAPER_EPOCH in kept else max(kept)
    if asked not in kept:
        epochs = ", ".join(map(str, sorted(kept)))
        findings.add(field, "epoch_is_kept", asked, f"the labeler keeps epochs {epochs}, not {asked}")
    return asked


def check_packing(findings: Findings, packing: Packing, dataset: DatasetManifest) -> None:
    """Require an encoding with fewer classes than the set has, and files of images that hold the set's without loss."""
    stats = dataset.measured
    kind, _, k = packing.encoding.partition(":")
    if kind == "topk" and int(k) >= stats.num_classes:
        message = f"top-k needs K below the number of classes, {stats.num_classes}"
        findings.add("encoding", "k_below_classes", packing.encoding, message)
    if packing.images is not ImageFormat.NPY and stats.dtype != "uint8":
        message = f"{packing.images} holds 8-bit images; those of {dataset.id} are {stats.dtype}, so use npy"
        findings.add("images", "eight_bit_images", packing.images, message)
    elif packing.images is ImageFormat.WEBP and stats.image_shape[0] != 3:
        message = f"webp holds images of 3 channels; those of {dataset.id} have {stats.image_shape[0]}, so use png"
        findings.add("images", "three_channels", packing.images, message)


def plan_labelling(
    dataset: DatasetManifest,
    labeler_id: str,
    architecture: Architecture,
    epoch: int,
    views: Views,
    packing: Packing,
    statistics: ChannelStatistics,
    after: Sequence[str] = (),
) -> TaskPlan:
    """Plan the task that makes the label-augmented set; `statistics` are those the set is trained with.

    It leaves the dense labels, those of the whole images, and an archive with all arrays in it, whose encoding and
    compression are not predicted, and neither are its other formats.
    """
    stats = dataset.measured
    forwards = stats.num_images * (views.n**2 + 1)
    soft_labels = FLOAT32_BYTES * forwards * stats.num_classes
    return TaskPlan(
        name="generate_labels",
        type=TaskType.GENERATE_LABELS,
        queue="gpu",
        params={
            "epoch": epoch,
            "views": views.model_dump(),
            "encoding": packing.encoding,
            "images": packing.images,
            "formats": sorted(set(packing.formats)),
            **statistics.model_dump(),
        },
        inputs={
            "dataset": Ref("dataset", dataset.id, own_files(stats)),
            "labeler": Ref("labeler", labeler_id),
        },
        work=forwards,
        unit="views",
        after=after,
        makes=new_id("ds"),
        cost=TaskCost(
            part=CostName.LABELLING,
            architecture=architecture,
            precision="exact",
            flops=forwards * forward_flops(architecture, shape_of(stats)),
            bytes=soft_labels + (stats.bytes + soft_labels),
        ),
    )
