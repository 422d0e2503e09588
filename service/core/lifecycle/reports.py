"""The report of a job: the findings of its runner, joined with what the service knows."""

from api_schemas.evaluation import Figure, Report
from service.core.clients import Core
from service.core.kinds.kind import FinishedTask
from service.core.lifecycle import costs, paper, paper_classes
from service.core.queue.records import JobRecord


def report_key(job_id: str) -> str:
    """Return where the report of a job lies."""
    return f"jobs/{job_id}/report.json"


def store(core: Core, finished: FinishedTask) -> None:
    """Write the report that a task has gathered, unless there is one of its job, with links to its figures.

    Raises ValueError or KeyError for a result that is not a report and its figures.
    """
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
    report = joined(core, job, Report.model_validate(finished.result["report"]))
    report = report.model_copy(update={"figures": figures})
    core.storage.put_json(report_key(job.id), report.model_dump(mode="json"), if_absent=True)


def joined(core: Core, job: JobRecord, found: Report) -> Report:
    """Return what a runner found with the job's cost, and with the paper's numbers where it has some."""
    added = {
        "cost": costs.of_job(job),
        "paper": paper.beside(core, job.tags, found.evaluation),
        "paper_classes": paper_classes.beside(core, job.tags, found.evaluation),
        "notes": [*job.notes, *found.notes],
    }
    return found.model_copy(update=added)
