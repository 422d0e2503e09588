"""What a finished task makes, by type. Files are stored before; what is written here may be written again.

A manifest or result that stands is never replaced: an attempt that finds one (its predecessor was lost between the
manifest and the state) takes it over.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from api_schemas.datasets import Augmentation, DatasetMetadata, DatasetRole, DatasetState, DatasetStats
from api_schemas.ensemble import Ensemble
from api_schemas.evaluation import Figure, FlopCount, Report
from api_schemas.jobs import JobKind, JobResult
from api_schemas.labelers import LabelerEpoch, LabelerMetadata, LabelerRecipe
from api_schemas.labelling import Labelling
from api_schemas.runner import TaskType
from method.files import PREVIEW, WHITENING
from service.core.catalogue.catalogue import DatasetManifest, LabelerManifest, StoredBlob
from service.core.clients import Core
from service.core.kinds.evaluated_set import own_files
from service.core.lifecycle import costs, paper
from service.core.objects.storage import Blob
from service.core.queue.records import JobRecord, TaskRecord

LABELER_METADATA: TypeAdapter[LabelerMetadata] = TypeAdapter(LabelerMetadata)


@dataclass(frozen=True)
class Outcome:
    """What becomes visible together with the success of the task."""

    manifest: DatasetManifest | LabelerManifest | None = None
    job_result: JobResult | None = None
    """The result of the job, when this task is the one that ends it."""
    flops: int = 0
    """What the task has computed."""
    bytes: int = 0
    """What it has left in the object storage."""


@dataclass(frozen=True)
class FinishedTask:
    """A task with what its runner handed over."""

    job: JobRecord
    task: TaskRecord
    result: Mapping[str, Any]
    blobs: Mapping[str, Blob]

    @property
    def stored(self) -> dict[str, StoredBlob]:
        """The files as a manifest lists them."""
        return {name: StoredBlob(sha256=blob.sha256, bytes=blob.bytes) for name, blob in self.blobs.items()}

    @property
    def stored_bytes(self) -> int:
        """Size of the files."""
        return sum(blob.bytes for blob in self.blobs.values())

    @property
    def makes(self) -> str:
        """Id of the dataset or labeler that the task makes."""
        if self.task.makes is None:
            raise ValueError(f"task {self.task.name} of {self.job.id} makes nothing")
        return self.task.makes


def _ingest(core: Core, finished: FinishedTask) -> Outcome:
    dataset = _dataset(core, finished.makes)
    manifest = dataset.model_copy(
        update={
            "state": DatasetState.READY,
            "stats": DatasetStats.model_validate(finished.result["stats"]),
            "blobs": finished.stored,
        }
    )
    return Outcome(core.catalogue.store(manifest), _result(dataset=manifest.id))


def _train_labeler(core: Core, finished: FinishedTask) -> Outcome:
    params = finished.task.params
    recipe = LabelerRecipe.model_validate(params["recipe"])
    if recipe.architecture is None:
        raise ValueError("a planned recipe names its architecture")
    epochs = _epochs(finished)
    manifest = LabelerManifest(
        id=finished.makes,
        tenant=finished.job.tenant,
        source_dataset=finished.task.inputs["source"].id,
        architecture=recipe.architecture,
        num_classes=params["num_classes"],
        image_shape=[params["channels"], params["size"], params["size"]],
        recipe=recipe,
        mean=params["mean"],
        std=params["std"],
        epochs=epochs,
        flops=finished.result["flops"],
        job=finished.job.id,
        created_at=datetime.now(UTC),
        blobs=finished.stored,
    )
    outcome = reuse(finished.job, core.catalogue.store(manifest))
    return replace(outcome, flops=finished.result["flops"], bytes=finished.stored_bytes)


def _import_labeler(core: Core, finished: FinishedTask) -> Outcome:
    params, result = finished.task.params, finished.result
    metadata: LabelerMetadata = LABELER_METADATA.validate_python(params["metadata"])
    epochs = _epochs(finished)
    manifest = LabelerManifest(
        id=finished.makes,
        tenant=finished.job.tenant,
        name=metadata.name,
        source_dataset=metadata.source_dataset,
        architecture=getattr(metadata, "architecture", None),
        num_classes=params["num_classes"],
        image_shape=[params["channels"], params["size"], params["size"]],
        recipe=None,
        # With the outputs that were found by the names of the classes, where none were given.
        metadata=metadata.model_copy(update={"class_map": result["class_map"]}),
        files=params["received"],
        mean=params["mean"],
        std=params["std"],
        epochs=epochs,
        flops=None,
        counted_forward_flops=result["forward_flops"],
        warnings=result["warnings"],
        job=finished.job.id,
        created_at=datetime.now(UTC),
        blobs=finished.stored,
    )
    stored = core.catalogue.store(manifest)
    return Outcome(stored, _result(labeler=stored.id), bytes=finished.stored_bytes)


def _epochs(finished: FinishedTask) -> list[LabelerEpoch]:
    """Return the rows of a labeler, whose checkpoints must all be among the files."""
    epochs = [LabelerEpoch.model_validate(row) for row in finished.result["epochs"]]
    if missing := {row.checkpoint for row in epochs if row.checkpoint is not None} - set(finished.blobs):
        raise ValueError(f"checkpoints {sorted(missing)} are in the result, but not among the files")
    return epochs


def reuse(job: JobRecord, labeler: LabelerManifest) -> Outcome:
    """Return the outcome of a training whose labeler stands: it costs nothing any more."""
    if job.kind is not JobKind.TRAIN_LABELER:
        return Outcome(labeler)
    flops = FlopCount(labelling=None, labeler_training=labeler.flops, deployment=None)
    return Outcome(labeler, _result(labeler=labeler.id, flops=flops))


def _random_set(core: Core, finished: FinishedTask) -> Outcome:
    inputs = finished.task.inputs
    name = f"{_dataset(core, inputs['dataset'].id).name[:170]} (random real images)"
    manifest = DatasetManifest(
        id=finished.makes,
        tenant=finished.job.tenant,
        name=name,
        role=DatasetRole.DISTILLED,
        state=DatasetState.READY,
        metadata=DatasetMetadata(name=name, role=DatasetRole.DISTILLED, source_dataset=inputs["source"].id),
        files=[],
        stats=DatasetStats.model_validate(finished.result["stats"]),
        augmentation=None,
        reasons=[],
        job=finished.job.id,
        created_at=datetime.now(UTC),
        blobs=finished.stored,
    )
    return Outcome(core.catalogue.store(manifest), bytes=finished.stored_bytes)


def _generate_labels(core: Core, finished: FinishedTask) -> Outcome:
    params = finished.task.params
    parent = _dataset(core, finished.task.inputs["dataset"].id)
    labelling = Labelling.model_validate(finished.result["labelling"])
    labeler = core.catalogue.labeler(labelling.labelers[0].labeler)
    if labeler is None:
        raise ValueError(f"labeler {labelling.labelers[0].labeler} is gone")
    own = [*own_files(parent.measured), *({PREVIEW, WHITENING} & set(parent.blobs))]
    kept = {name: parent.blobs[name] for name in own}
    for blob in kept.values():
        core.blobs.hold(finished.makes, blob.sha256)
    blobs = kept | finished.stored
    arrays = {name: blob for name, blob in blobs.items() if name.endswith(".npy")}
    name = f"{parent.name[:180]} (label-augmented)"
    source = parent.metadata.source_dataset or labeler.source_dataset
    manifest = DatasetManifest(
        id=finished.makes,
        tenant=finished.job.tenant,
        name=name,
        role=parent.role,
        state=DatasetState.READY,
        metadata=parent.metadata.model_copy(update={"name": name, "source_dataset": source}),
        files=[],
        stats=parent.measured.model_copy(
            update={
                "sha256": _digest(arrays),
                "bytes": sum(blob.bytes for blob in arrays.values()),
                "warnings": [*parent.measured.warnings, *labelling.warnings],
            }
        ),
        augmentation=_augmentation(parent.id, labelling, params),
        reasons=[],
        job=finished.job.id,
        created_at=datetime.now(UTC),
        blobs=blobs,
    )
    stored = core.catalogue.store(manifest)
    return Outcome(stored, flops=finished.result["flops"], bytes=finished.stored_bytes)


def _augmentation(parent: str, labelling: Labelling, params: Mapping[str, Any]) -> Augmentation:
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
    )


def _digest(blobs: Mapping[str, StoredBlob]) -> str:
    lines = "".join(f"{name} {blobs[name].sha256}\n" for name in sorted(blobs))
    return hashlib.sha256(lines.encode()).hexdigest()


def _evaluate(core: Core, finished: FinishedTask) -> Outcome:
    row = finished.result["row"]
    # None: the trial was to confirm an answer that had been found already.
    return Outcome(flops=0 if row is None else row["flops"])


def _report(core: Core, finished: FinishedTask) -> Outcome:
    job = core.store.load(finished.job.id)
    assert job is not None
    figures = [
        Figure(
            **figure,
            png=f"/v1/jobs/{job.id}/figures/{figure['name']}.png",
            sha256=finished.blobs[f"{figure['name']}.png"].sha256,
        )
        for figure in finished.result["figures"]
    ]
    found = Report.model_validate(finished.result["report"])
    numbers = paper.beside(core, job.tags, found.evaluation)
    report = found.model_copy(update={"cost": costs.of_job(job), "figures": figures, "paper": numbers})
    core.storage.put_json(report_key(job.id), report.model_dump(mode="json"), if_absent=True)
    labelers = [ref.id for name, ref in finished.task.inputs.items() if name.startswith("labeler_")]
    augmented = job.task("generate_labels")
    # Evaluation and labelling are in the report alone: one holds a loss for every epoch of every trial.
    result = JobResult(
        dataset=augmented and augmented.makes,
        labeler=labelers[0] if len(labelers) == 1 else None,
        labelling=None,
        storage=report.storage,
        flops=report.flops,
        evaluation=None,
    )
    return Outcome(job_result=result)


def _result(dataset: str | None = None, labeler: str | None = None, flops: FlopCount | None = None) -> JobResult:
    return JobResult(dataset=dataset, labeler=labeler, labelling=None, storage=None, flops=flops, evaluation=None)


def _dataset(core: Core, dataset_id: str) -> DatasetManifest:
    dataset = core.catalogue.dataset(dataset_id)
    if dataset is None:
        raise ValueError(f"dataset {dataset_id} is gone")
    return dataset


def report_key(job_id: str) -> str:
    """Return where the report of a job lies."""
    return f"jobs/{job_id}/report.json"


def job_result_key(job_id: str) -> str:
    """Return where the result of a job lies."""
    return f"jobs/{job_id}/result.json"


def results_prefix(job_id: str) -> str:
    """Return what the keys of the results of tasks start with; `<task>/<attempt>.json` follows."""
    return f"jobs/{job_id}/tasks/"


OUTCOMES: dict[TaskType, Callable[[Core, FinishedTask], Outcome]] = {
    TaskType.INGEST: _ingest,
    TaskType.IMPORT_LABELER: _import_labeler,
    TaskType.TRAIN_LABELER: _train_labeler,
    TaskType.RANDOM_SET: _random_set,
    TaskType.GENERATE_LABELS: _generate_labels,
    TaskType.EVALUATE: _evaluate,
    TaskType.REPORT: _report,
}
