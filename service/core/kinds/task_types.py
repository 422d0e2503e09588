"""The types of tasks: how long each may run, its outcome, and the removal of leftovers when it fails.

An outcome is made when the files are stored; all that it writes may be written again. A manifest or result that
stands is never replaced: an attempt that finds one (its predecessor was lost between the manifest and the state) takes
it over.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from api_schemas.datasets import (
    Augmentation,
    ChannelStatistics,
    DatasetMetadata,
    DatasetRole,
    DatasetState,
    DatasetStats,
)
from api_schemas.ensemble import Ensemble
from api_schemas.evaluation import FlopCount, Report
from api_schemas.jobs import JobKind, JobResult
from api_schemas.labelers import LabelerEpoch, LabelerMetadata, LabelerRecipe
from api_schemas.labelling import Labelling
from api_schemas.problems import Reason
from api_schemas.runner import TaskType
from method.files import PREVIEW, WHITENING
from service.core.catalogue.manifests import DatasetManifest, LabelerManifest
from service.core.clients import Core
from service.core.foundation.errors import reason
from service.core.kinds.compare import compared
from service.core.kinds.evaluated_set import own_files
from service.core.kinds.export import exported, found_export
from service.core.kinds.kind import FinishedTask, Outcome, TaskKind
from service.core.kinds.reused_labels import earlier_labels, labelling_digest
from service.core.kinds.reused_trials import earlier_trial, taken_over, trial_digest
from service.core.objects.storage import Blob
from service.core.queue.records import JobRecord, TaskRecord

LABELER_METADATA: TypeAdapter[LabelerMetadata] = TypeAdapter(LabelerMetadata)


HOUR = 3600


def _ingest(core: Core, finished: FinishedTask) -> Outcome:
    dataset = _dataset(core, finished.makes)
    stats = DatasetStats.model_validate(finished.result["stats"])
    # There where an archive of this service was uploaded; its labels are part of the set.
    augmentation = finished.result.get("augmentation")
    manifest = dataset.model_copy(
        update={
            "state": DatasetState.READY,
            "stats": stats if augmentation is None else stats.model_copy(update=_counted(finished.blobs)),
            "augmentation": augmentation and Augmentation.model_validate(augmentation),
            "blobs": finished.blobs,
        }
    )
    return Outcome(core.catalogue.store(manifest), _result(dataset=manifest.id))


def _train_labeler(core: Core, finished: FinishedTask) -> Outcome:
    recipe = LabelerRecipe.model_validate(finished.task.params["recipe"])
    if recipe.architecture is None:
        raise ValueError("a planned recipe names its architecture")
    epochs, flops = _epochs(finished), finished.result["flops"]
    held_out = finished.task.params.get("held_out_images")  # Null where it was planned before this was noted.
    own = {"architecture": recipe.architecture, "recipe": recipe, "held_out_images": held_out, "flops": flops}
    stored = _store_labeler(core, finished, epochs, **own)
    return replace(_reused(finished.job, stored), flops=flops, bytes=finished.stored_bytes)


def _import_labeler(core: Core, finished: FinishedTask) -> Outcome:
    params, result = finished.task.params, finished.result
    metadata: LabelerMetadata = LABELER_METADATA.validate_python(params["metadata"])
    stored = _store_labeler(
        core,
        finished,
        _epochs(finished),
        name=metadata.name,
        architecture=getattr(metadata, "architecture", None),
        # With the outputs that were found by the names of the classes, where none were given.
        metadata=metadata.model_copy(update={"class_map": result["class_map"]}),
        files=params["received"],
        counted_forward_flops=result["forward_flops"],
        warnings=result["warnings"],
    )
    return Outcome(stored, _result(labeler=stored.id), bytes=finished.stored_bytes)


def _epochs(finished: FinishedTask) -> list[LabelerEpoch]:
    """Return the rows of a labeler, whose checkpoints must all be among the files."""
    epochs = [LabelerEpoch.model_validate(row) for row in finished.result["epochs"]]
    if missing := {row.checkpoint for row in epochs if row.checkpoint is not None} - set(finished.blobs):
        raise ValueError(f"checkpoints {sorted(missing)} are in the result, but not among the files")
    return epochs


def _store_labeler(core: Core, finished: FinishedTask, epochs: list[LabelerEpoch], **own: Any) -> LabelerManifest:
    """Store the manifest of a labeler: what all have in common, and its own fields."""
    params = finished.task.params
    manifest = LabelerManifest(
        source_dataset=finished.task.inputs["source"].id,
        num_classes=params["num_classes"],
        image_shape=[params["channels"], params["size"], params["size"]],
        mean=params["mean"],
        std=params["std"],
        epochs=epochs,
        border=params.get("border", 0),
        **_made(finished),
        **own,
    )
    return core.catalogue.store(manifest)


def _made(finished: FinishedTask) -> dict[str, Any]:
    """Return the fields of a manifest that say who made what, when and of which files."""
    return {
        "id": finished.makes,
        "tenant": finished.job.tenant,
        "job": finished.job.id,
        "created_at": datetime.now(UTC),
        "blobs": finished.blobs,
    }


def _trained(core: Core, job: JobRecord, task: TaskRecord) -> tuple[dict[str, Any], Outcome] | None:
    """Return the result of a training whose labeler another job has made meanwhile."""
    labeler = None if task.makes is None else core.catalogue.labeler(task.makes)
    if labeler is None:
        return None
    return labeler.model_dump(mode="json", include={"epochs", "flops"}), _reused(job, labeler)


def _reused(job: JobRecord, labeler: LabelerManifest) -> Outcome:
    """Return the outcome of a training whose labeler stands: it costs nothing any more."""
    if job.kind is not JobKind.TRAIN_LABELER:
        return Outcome(labeler)
    flops = FlopCount(labelling=None, labeler_training=labeler.flops, deployment=None)
    return Outcome(labeler, _result(labeler=labeler.id, flops=flops))


def _random_set(core: Core, finished: FinishedTask) -> Outcome:
    inputs = finished.task.inputs
    name = f"{_dataset(core, inputs['dataset'].id).name[:170]} (random real images)"
    manifest = DatasetManifest(
        name=name,
        role=DatasetRole.DISTILLED,
        state=DatasetState.READY,
        metadata=DatasetMetadata(name=name, role=DatasetRole.DISTILLED, source_dataset=inputs["source"].id),
        stats=DatasetStats.model_validate(finished.result["stats"]),
        **_made(finished),
    )
    return Outcome(core.catalogue.store(manifest), bytes=finished.stored_bytes)


def _generate_labels(core: Core, finished: FinishedTask) -> Outcome:
    params = finished.task.params
    parent = _dataset(core, finished.task.inputs["dataset"].id)
    labelling = Labelling.model_validate(finished.result["labelling"])
    labelers = [_labeler(core, used.labeler) for used in labelling.labelers]
    own = [*own_files(parent.measured), *({PREVIEW, WHITENING} & set(parent.blobs))]
    kept = {name: parent.blobs[name] for name in own}
    for blob in kept.values():
        core.blobs.hold(finished.makes, blob.sha256)
    made = _made(finished) | {"blobs": kept | finished.blobs}
    name = f"{parent.name[:180]} (label-augmented)"
    source = parent.metadata.source_dataset or labelers[0].source_dataset
    manifest = DatasetManifest(
        name=name,
        role=parent.role,
        state=DatasetState.READY,
        metadata=parent.metadata.model_copy(update={"name": name, "source_dataset": source}),
        stats=parent.measured.model_copy(
            update={**_counted(made["blobs"]), "warnings": [*parent.measured.warnings, *labelling.warnings]}
        ),
        augmentation=_augmentation(parent.id, labelling, labelers, params, labelling_digest(core, finished.task)),
        **made,
    )
    stored = core.catalogue.store(manifest)
    return Outcome(stored, flops=finished.result["flops"], bytes=finished.stored_bytes)


def _labelled(core: Core, job: JobRecord, task: TaskRecord) -> tuple[dict[str, Any], Outcome] | None:
    """Return the result of a labelling that was done before: its set shares the blobs, and costs nothing any more."""
    earlier = earlier_labels(core, task)
    if earlier is None:
        return None
    made = _generate_labels(core, FinishedTask(job, task, earlier.result, earlier.blobs))
    return earlier.result, replace(made, flops=0, bytes=0)


def _augmentation(
    parent: str,
    labelling: Labelling,
    labelers: Sequence[LabelerManifest],
    params: Mapping[str, Any],
    digest: str | None,
) -> Augmentation:
    used = labelling.labelers
    epochs, temperatures = [member.epoch for member in used], [member.temperature for member in used]
    alone = len(used) == 1
    return Augmentation(
        parent=parent,
        labeler=used[0].labeler if alone else Ensemble(ensemble=[member.labeler for member in used]),
        epoch=epochs[0] if alone else epochs,
        temperature=temperatures[0] if alone else temperatures,
        n=params["views"]["n"],
        ratio=params["views"]["ratio"],
        encoding=params["encoding"],
        digest=digest,
        reused_from=labelling.reused_from,
        labeler_normalizations=[ChannelStatistics(mean=found.mean, std=found.std) for found in labelers],
    )


def _counted(blobs: Mapping[str, Blob]) -> dict[str, Any]:
    """Return digest and bytes of the arrays among the files of a label-augmented set."""
    arrays = {name: blob for name, blob in blobs.items() if name.endswith(".npy")}
    lines = "".join(f"{name} {arrays[name].sha256}\n" for name in sorted(arrays))
    return {
        "sha256": hashlib.sha256(lines.encode()).hexdigest(),
        "bytes": sum(blob.bytes for blob in arrays.values()),
    }


def _evaluate(core: Core, finished: FinishedTask) -> Outcome:
    row = finished.result["row"]
    # None: the trial was to confirm an answer that had been found already.
    flops = 0 if row is None else row["flops"]
    digest = trial_digest(core, finished.job, finished.task)
    return Outcome(flops=flops, bytes=finished.stored_bytes, digest=digest, files=finished.digests)


def _evaluated(core: Core, job: JobRecord, task: TaskRecord) -> tuple[dict[str, Any], Outcome] | None:
    """Return the result of a trial that another job has run: it costs nothing any more."""
    earlier = earlier_trial(core, job, task)
    if earlier is None:
        return None
    result = taken_over(task, earlier)
    row = result["row"]
    told = {field: row[field] for field in ("dataset", "arm", "architecture", "epochs")}
    told |= {"views": row["recipe"]["views"]}
    told |= {field: row["trial"][field] for field in ("trial", "seed", "accuracy", "seconds", "reused_from")}
    digest, files = str(earlier.task.fields["digest"]), earlier.task.files
    return result, Outcome(digest=digest, reused_from=row["trial"]["reused_from"], files=files, row=told)


def _report(core: Core, finished: FinishedTask) -> Outcome:
    job = core.store.load(finished.job.id, ["generate_labels"])
    assert job is not None
    report = Report.model_validate(finished.result["report"])
    labelers = [ref.id for name, ref in finished.task.inputs.items() if name.startswith("labeler_")]
    augmented = job.task("generate_labels")
    # Evaluation and labelling are in the report alone: one holds a loss for every epoch of every trial.
    made, labeler = augmented and augmented.makes, labelers[0] if len(labelers) == 1 else None
    return Outcome(job_result=_result(dataset=made, labeler=labeler, storage=report.storage, flops=report.flops))


def _result(**made: Any) -> JobResult:
    return JobResult.model_validate(dict.fromkeys(JobResult.model_fields) | made)


def _dataset(core: Core, dataset_id: str) -> DatasetManifest:
    dataset = core.catalogue.dataset(dataset_id)
    if dataset is None:
        raise ValueError(f"dataset {dataset_id} is gone")
    return dataset


def _labeler(core: Core, labeler_id: str) -> LabelerManifest:
    labeler = core.catalogue.labeler(labeler_id)
    if labeler is None:
        raise ValueError(f"labeler {labeler_id} is gone")
    return labeler


def _reject_dataset(core: Core, job: JobRecord, task: TaskRecord) -> None:
    """Reject a dataset whose ingestion ended without making it ready."""
    dataset = core.catalogue.dataset(task.makes or "")
    if dataset is None:
        return
    if dataset.state is DatasetState.VALIDATING:
        rejected = dataset.model_copy(update={"state": DatasetState.REJECTED, "reasons": _reasons(job)})
        dataset = core.catalogue.store(rejected)
        core.catalogue.show(dataset)
    if dataset.state is DatasetState.REJECTED:
        core.blobs.drop_all(dataset.id)


def _reasons(job: JobRecord) -> list[Reason]:
    if job.error is None:
        return [reason("files", "is_ingested", None, f"the ingestion was {job.state}")]
    return job.error.reasons or [reason("files", "is_ingested", job.error.code, job.error.message)]


def _remove_import(core: Core, job: JobRecord, task: TaskRecord) -> None:
    """Remove what an import has stored that made no labeler."""
    if task.makes is not None and core.catalogue.labeler(task.makes) is None:
        core.blobs.drop_all(task.makes)


def _remove_made(core: Core, job: JobRecord, task: TaskRecord) -> None:
    """Remove what an attempt left that was lost before its dataset became visible."""
    if task.makes is not None:
        remove_dataset(core, task.makes)


def remove_dataset(core: Core, dataset_id: str) -> None:
    """Remove from the object storage what a dataset leaves that is out of the index: documents first, then blobs."""
    core.catalogue.forget_dataset(dataset_id)
    core.blobs.drop_all(dataset_id)


# A network compiles for 7 to 120 s without progress, ZCA is fitted for about one minute, and one step of the most
# expensive network takes less than a minute on a CPU; the rest of `stall_seconds` is room for slow machines.
TASKS: dict[TaskType, TaskKind] = {
    kind.type: kind
    for kind in (
        TaskKind(TaskType.INGEST, 2 * HOUR, 1800, _ingest, undo=_reject_dataset, reads_uploads=True),
        TaskKind(TaskType.IMPORT_LABELER, 2 * HOUR, 1800, _import_labeler, undo=_remove_import, reads_uploads=True),
        TaskKind(TaskType.TRAIN_LABELER, 72 * HOUR, 3600, _train_labeler, found=_trained),
        TaskKind(TaskType.RANDOM_SET, 2 * HOUR, 600, _random_set, undo=_remove_made),
        TaskKind(TaskType.GENERATE_LABELS, 12 * HOUR, 1800, _generate_labels, found=_labelled, undo=_remove_made),
        TaskKind(TaskType.EVALUATE, 240 * HOUR, 3600, _evaluate, found=_evaluated, keeps_files=True, in_crowds=True),
        TaskKind(TaskType.REPORT, HOUR, 600, _report, reports=True),
        TaskKind(TaskType.EXPORT, 12 * HOUR, 1800, exported, found=found_export, keeps_files=True),
        TaskKind(TaskType.COMPARE, HOUR, 600, compared),
    )
}
