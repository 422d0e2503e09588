"""`export`: write a set without its dense labels in a layout that other code reads."""

import hashlib
from typing import Any

from api_schemas.datasets import DatasetRole, ExportFormat
from api_schemas.jobs import ExportParams, ExportRequest, JobKind, JobResult
from api_schemas.runner import TaskType
from method.files import SOURCE_FILES
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.kinds.evaluated_set import own_files
from service.core.kinds.ingest_dataset import SMALL_BYTES
from service.core.kinds.kind import FinishedTask, Kind, Outcome
from service.core.kinds.train_labeler import canonical
from service.core.kinds.validation_errors import ValidationErrors
from service.core.queue.plan import Plan, Ref, TaskPlan
from service.core.queue.records import JobRecord, TaskRecord

CODE_VERSION = "1"
"""Part of an export's digest: raise it when the same set would be written otherwise."""


def plan(core: Core, params: ExportParams) -> Plan:
    """Plan the one task that writes the file."""
    errors = ValidationErrors(core.catalogue)
    dataset = errors.sure(errors.dataset("dataset", params.dataset, None))
    fault = misfit(dataset, params.format)
    if fault is not None:
        errors.add("format", "format_fits_set", params.format, fault)
    errors.raise_if_any()
    stats = dataset.measured
    task = TaskPlan(
        name="export",
        type=TaskType.EXPORT,
        queue="io" if stats.bytes <= SMALL_BYTES else "cpu",
        params={"format": params.format},
        inputs={"dataset": Ref("dataset", dataset.id, _files(dataset))},
        work=stats.num_images,
        unit="images",
    )
    return Plan(params=params.model_dump(mode="json"), tasks=[task], reads=[dataset.id])


def misfit(dataset: DatasetManifest, export_format: ExportFormat) -> str | None:
    """Say why a set cannot be written in a format, None: it can be."""
    channels = dataset.measured.image_shape[0]
    if export_format is ExportFormat.MTT and dataset.role is DatasetRole.SOURCE:
        return f"mtt is a layout of distilled sets, and {dataset.id} is a source set: use npz or png"
    if export_format is ExportFormat.PNG and channels not in (1, 3):
        return f"png holds images of 1 or 3 channels, those of {dataset.id} have {channels}: use npz"
    return None


def _files(dataset: DatasetManifest) -> list[str]:
    return list(SOURCE_FILES) if dataset.role is DatasetRole.SOURCE else own_files(dataset.measured)


def export_digest(dataset: DatasetManifest, export_format: str) -> str:
    """Return the digest of all that decides the bytes of an export: arrays, classes and normalization."""
    stats = dataset.measured
    decided_by = {
        "version": CODE_VERSION,
        "tenant": dataset.tenant,
        "format": export_format,
        "files": {name: dataset.blobs[name].sha256 for name in _files(dataset)},
        "classes": [count.name for count in stats.class_counts],
        "normalization": stats.normalization.model_dump(mode="json", exclude={"reason"}),
        "learned_lr": stats.learned_lr,
    }
    return hashlib.sha256(canonical(decided_by).encode()).hexdigest()


def exported(core: Core, finished: FinishedTask) -> Outcome:
    """Return the outcome of an export, which is found by its digest."""
    digest = _digest(core, finished.task)
    return Outcome(job_result=_NOTHING_ELSE, bytes=finished.stored_bytes, digest=digest, files=finished.digests)


def found_export(core: Core, job: JobRecord, task: TaskRecord) -> tuple[dict[str, Any], Outcome] | None:
    """Return the outcome of an export that another job has made."""
    digest = _digest(core, task)
    for job_id, name in core.store.computed(digest):
        earlier = core.store.load(job_id, [name])
        for made in earlier.tasks if earlier is not None else ():
            for sha256 in made.files.values():
                core.blobs.hold(job.id, sha256)
            # It may have been removed with its job before it was held.
            if made.files and core.store.state(job_id) is not None:
                return {}, Outcome(job_result=_NOTHING_ELSE, digest=digest, reused_from=job_id, files=made.files)
    return None


def _digest(core: Core, task: TaskRecord) -> str:
    dataset = core.catalogue.dataset(task.inputs["dataset"].id)
    if dataset is None:
        raise ValueError(f"dataset {task.inputs['dataset'].id} is gone")
    return export_digest(dataset, task.params["format"])


_NOTHING_ELSE = JobResult(dataset=None, labeler=None, labelling=None, storage=None, flops=None, evaluation=None)
"""A job's result: its file belongs to no dataset."""

KIND = Kind(JobKind.EXPORT, plan, ExportRequest)
