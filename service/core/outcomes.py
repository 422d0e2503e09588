"""What a finished task makes, by type. Files are stored before; what is written here may be written again.

A manifest or result that stands is never replaced: an attempt that finds one (its predecessor was lost between the
manifest and the state) takes it over.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from api_schemas.datasets import Augmentation, DatasetState, DatasetStats
from api_schemas.evaluation import Figure, FlopCount, Report
from api_schemas.jobs import JobKind, JobResult
from api_schemas.labelers import LabelerEpoch, LabelerRecipe
from api_schemas.runner import TaskType
from service.core import costs
from service.core.catalogue import DatasetManifest, LabelerManifest, StoredBlob
from service.core.core import Core
from service.core.kinds.arm_inputs import own_files
from service.core.pictures import PREVIEW
from service.core.records import JobRecord, TaskRecord
from service.core.storage import Blob


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
    epochs = [LabelerEpoch.model_validate(row) for row in finished.result["epochs"]]
    if missing := {row.checkpoint for row in epochs if row.checkpoint is not None} - set(finished.blobs):
        raise ValueError(f"checkpoints {sorted(missing)} are in the result of training, but not among its files")
    manifest = LabelerManifest(
        id=finished.makes,
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


def reuse(job: JobRecord, labeler: LabelerManifest) -> Outcome:
    """Return the outcome of a training whose labeler stands: it costs nothing any more."""
    if job.kind is not JobKind.TRAIN_LABELER:
        return Outcome(labeler)
    flops = FlopCount(labelling=None, labeler_training=labeler.flops, deployment=None)
    return Outcome(labeler, _result(labeler=labeler.id, flops=flops))


def _generate_labels(core: Core, finished: FinishedTask) -> Outcome:
    params, inputs = finished.task.params, finished.task.inputs
    parent = _dataset(core, inputs["dataset"].id)
    labeler = core.catalogue.labeler(inputs["labeler"].id)
    if labeler is None:
        raise ValueError(f"labeler {inputs['labeler'].id} is gone")
    own = [*own_files(parent.measured), *({PREVIEW} & set(parent.blobs))]
    kept = {name: parent.blobs[name] for name in own}
    for blob in kept.values():
        core.blobs.hold(finished.makes, blob.sha256)
    blobs = kept | finished.stored
    arrays = {name: blob for name, blob in blobs.items() if name.endswith(".npy")}
    name = f"{parent.name[:180]} (label-augmented)"
    source = parent.metadata.source_dataset or labeler.source_dataset
    manifest = DatasetManifest(
        id=finished.makes,
        name=name,
        role=parent.role,
        state=DatasetState.READY,
        metadata=parent.metadata.model_copy(update={"name": name, "source_dataset": source}),
        files=[],
        stats=parent.measured.model_copy(
            update={"sha256": _digest(arrays), "bytes": sum(blob.bytes for blob in arrays.values())}
        ),
        augmentation=Augmentation(
            parent=parent.id,
            labeler=labeler.id,
            epoch=params["epoch"],
            n=params["views"]["n"],
            ratio=params["views"]["ratio"],
            encoding=params["encoding"],
        ),
        reasons=[],
        job=finished.job.id,
        created_at=datetime.now(UTC),
        blobs=blobs,
    )
    stored = core.catalogue.store(manifest)
    return Outcome(stored, flops=finished.result["flops"], bytes=finished.stored_bytes)


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
    report = found.model_copy(update={"cost": costs.of_job(job), "figures": figures})
    core.storage.put_json(report_key(job.id), report.model_dump(mode="json"), if_absent=True)
    inputs = finished.task.inputs
    augmented = job.task("generate_labels")
    # The evaluation is in the report alone: it holds a loss for every epoch of every trial.
    result = JobResult(
        dataset=augmented and augmented.makes,
        labeler=inputs["labeler"].id if "labeler" in inputs else None,
        storage=report.storage,
        flops=report.flops,
        evaluation=None,
    )
    return Outcome(job_result=result)


def _result(dataset: str | None = None, labeler: str | None = None, flops: FlopCount | None = None) -> JobResult:
    return JobResult(dataset=dataset, labeler=labeler, storage=None, flops=flops, evaluation=None)


def _dataset(core: Core, dataset_id: str) -> DatasetManifest:
    dataset = core.catalogue.dataset(dataset_id)
    if dataset is None:
        raise ValueError(f"dataset {dataset_id} is gone")
    return dataset


def report_key(job_id: str) -> str:
    """Return where the report of a job lies."""
    return f"jobs/{job_id}/report.json"


OUTCOMES: dict[TaskType, Callable[[Core, FinishedTask], Outcome]] = {
    TaskType.INGEST: _ingest,
    TaskType.TRAIN_LABELER: _train_labeler,
    TaskType.GENERATE_LABELS: _generate_labels,
    TaskType.EVALUATE: _evaluate,
    TaskType.REPORT: _report,
}
