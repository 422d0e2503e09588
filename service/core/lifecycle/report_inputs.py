"""The sets and labelers of a report, with their warnings: a reader has to see these before any number."""

from collections.abc import Sequence

from api_schemas.datasets import DatasetRole
from api_schemas.report_inputs import ReportInput
from method.class_names import Matching, imagenet_name, match_classes
from service.core.catalogue.manifests import DatasetManifest, LabelerManifest
from service.core.clients import Core
from service.core.queue.records import JobRecord, TaskRecord


def report_inputs(core: Core, job: JobRecord, report: TaskRecord) -> list[ReportInput]:
    """Return the source set, the other sets of the job, those it made included, and its labelers."""
    source = core.catalogue.dataset(report.params["source_dataset"])
    sets = [core.catalogue.dataset(id) for id in job.datasets if source is None or id != source.id]
    named = [ref.id for ref in report.inputs.values() if ref.kind == "labeler"]
    labelers = [core.catalogue.labeler(id) for id in named]
    return [
        *([] if source is None else [_source(source)]),
        *(
            _distilled(found, source, job.id)
            for found in sets
            if found is not None and found.role is not DatasetRole.SOURCE
        ),
        *(_labeler(found, job.id) for found in labelers if found is not None),
    ]


def _source(found: DatasetManifest) -> ReportInput:
    images = {count.name: count.images.get("val", 0) for count in found.measured.class_counts}
    largest = max(images, key=images.__getitem__)
    return ReportInput(
        id=found.id,
        name=found.name,
        role="source",
        made_here=False,
        warnings=found.measured.warnings,
        classes=None,
        largest_class=largest,
        largest_share=100 * images[largest] / max(sum(images.values()), 1),
        class_names=[imagenet_name(name) for name in _names(found)],
    )


def _distilled(found: DatasetManifest, source: DatasetManifest | None, job_id: str) -> ReportInput:
    made_here = found.job == job_id
    return ReportInput(
        id=found.id,
        name=found.name,
        role="distilled",
        made_here=made_here,
        warnings=[] if made_here else found.measured.warnings,
        classes=None if source is None else _matched(_names(found), _names(source)),
    )


def _labeler(found: LabelerManifest, job_id: str) -> ReportInput:
    made_here = found.job == job_id
    name = found.name or f"{found.network}, {max(found.kept_epochs, default=0)} epochs"
    return ReportInput(
        id=found.id,
        name=name,
        role="labeler",
        made_here=made_here,
        warnings=[] if made_here else found.warnings,
        classes=None,
    )


def _names(found: DatasetManifest) -> list[str]:
    return [count.name for count in found.measured.class_counts]


def _matched(names: Sequence[str], others: Sequence[str]) -> str | None:
    match = match_classes(names, others) if list(names) != list(others) else None
    return match.how if isinstance(match, Matching) else None
