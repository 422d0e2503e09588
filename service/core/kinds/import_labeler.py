"""`import_labeler`: read a network that was trained elsewhere, and test it on a source set's val split."""

from collections.abc import Sequence
from dataclasses import dataclass

from api_schemas.datasets import ChannelStatistics, DatasetRole
from api_schemas.jobs import JobKind
from api_schemas.labelers import (
    LabelerImportKind,
    LabelerMetadata,
    ReplayBufferImport,
    TorchvisionImport,
    WeightsImport,
)
from api_schemas.runner import TaskType
from method.counted import counted
from method.files import VAL_IMAGES, VAL_LABELS
from service.core.catalogue.manifests import DatasetManifest, shape_of
from service.core.clients import Core
from service.core.kinds.kind import Kind
from service.core.kinds.normalizations import choose_statistics, named_statistics, training_statistics
from service.core.kinds.train_labeler import bordered
from service.core.kinds.validation_errors import ValidationErrors
from service.core.objects.received_files import StreamedFile, original_names
from service.core.queue.plan import Plan, Ref, TaskPlan

FILES = {
    LabelerImportKind.WEIGHTS: 1,
    LabelerImportKind.REPLAY_BUFFER: 1,
    LabelerImportKind.TORCHVISION: 0,
    LabelerImportKind.EXPORTED: 1,
    LabelerImportKind.ZERO_SHOT: 2,
}
"""How many files each kind is."""


@dataclass(frozen=True)
class LabelerUpload:
    """The contents of a form, and the id that the labeler will have."""

    labeler_id: str
    metadata: LabelerMetadata
    files: Sequence[StreamedFile]


def plan(core: Core, upload: LabelerUpload) -> Plan:
    """Plan the one task that reads and tests the network."""
    metadata = upload.metadata
    errors = ValidationErrors(core.catalogue, "body")
    named = errors.dataset("metadata.source_dataset", metadata.source_dataset, DatasetRole.SOURCE)
    if len(upload.files) != (expected := FILES[metadata.kind]):
        message = f"a labeler of kind {metadata.kind} is {counted(expected, 'file')}; {len(upload.files)} came"
        errors.add("files", "number_of_files", len(upload.files), message)
    source = errors.sure(named)
    stats = source.measured
    channels, size, _ = stats.image_shape
    statistics = choose_statistics(
        errors, "metadata.normalization", metadata.normalization, _usual_statistics(metadata, source), channels
    )
    architecture = metadata.architecture if isinstance(metadata, WeightsImport | ReplayBufferImport) else None
    if architecture is not None:
        errors.fits("metadata.architecture", architecture, stats.image_shape)
    _check_class_map(errors, metadata, stats.num_classes)
    errors.raise_if_any()
    task = TaskPlan(
        name="import_labeler",
        type=TaskType.IMPORT_LABELER,
        queue="gpu",
        params={
            "metadata": metadata.model_dump(mode="json"),
            "files": original_names(upload.files),
            "received": [file.received.model_dump(mode="json") for file in upload.files],
            "class_names": [count.name for count in stats.class_counts],
            "num_classes": stats.num_classes,
            "channels": channels,
            "size": size,
            **statistics.model_dump(),
            **bordered(shape_of(stats), architecture),
        },
        inputs={
            "uploads": Ref("uploads", files=[file.key for file in upload.files]),
            "source": Ref("dataset", source.id, [VAL_IMAGES, VAL_LABELS]),
        },
        work=stats.splits["val"],
        unit="images",
        makes=upload.labeler_id,
    )
    return Plan(params=metadata.model_dump(mode="json"), tasks=[task], reads=[source.id])


def _usual_statistics(metadata: LabelerMetadata, source: DatasetManifest) -> ChannelStatistics | None:
    """Return what the kind of network is normalised with unless the sender says otherwise."""
    if isinstance(metadata, TorchvisionImport):
        return named_statistics("imagenet")
    return training_statistics(source.measured.normalization, None)


def _check_class_map(errors: ValidationErrors, metadata: LabelerMetadata, num_classes: int) -> None:
    outputs = metadata.class_map
    if outputs is None:
        return
    if len(outputs) != num_classes:
        message = f"class_map has {len(outputs)} entries, {metadata.source_dataset} has {num_classes} classes"
        errors.add("metadata.class_map", "same_classes", len(outputs), message)
    if len(set(outputs)) < len(outputs):
        twice = min(output for output in outputs if outputs.count(output) > 1)
        errors.add("metadata.class_map", "distinct", twice, f"class_map names output {twice} more than once")


KIND = Kind(JobKind.IMPORT_LABELER, plan)
