"""The report of a job: the findings of its runner, joined with what the service knows."""

from api_schemas.evaluation import Figure, Report
from service.core.clients import Core
from service.core.kinds.kind import FinishedTask
from service.core.lifecycle import costs, paper, paper_classes


def report_key(job_id: str) -> str:
    """Return where the report of a job lies."""
    return f"jobs/{job_id}/report.json"


def store(core: Core, finished: FinishedTask) -> None:
    """Write the report that a task has gathered, unless there is one of its job.

    To it come the job's cost, links to its figures, and the paper's numbers where it has some. Raises ValueError or
    KeyError for a result that is not a report and its figures.
    """
    job = core.store.load(finished.job.id)
    assert job is not None
    found = Report.model_validate(finished.result["report"])
    figures = [
        Figure(
            **figure,
            png=f"/v1/jobs/{job.id}/figures/{figure['name']}.png",
            sha256=finished.blobs[f"{figure['name']}.png"].sha256,
        )
        for figure in finished.result["figures"]
    ]
    added = {
        "cost": costs.of_job(job),
        "figures": figures,
        "paper": paper.beside(core, job.tags, found.evaluation),
        "paper_classes": paper_classes.beside(core, job.tags, found.evaluation),
        "notes": [*job.notes, *found.notes],
    }
    report = found.model_copy(update=added)
    core.storage.put_json(report_key(job.id), report.model_dump(mode="json"), if_absent=True)
