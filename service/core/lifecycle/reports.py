"""The report of a job: the findings of its runner, joined with what the service knows."""

from api_schemas.evaluation import Report
from service.core.clients import Core
from service.core.kinds.kind import Found
from service.core.lifecycle import costs, paper


def report_key(job_id: str) -> str:
    """Return where the report of a job lies."""
    return f"jobs/{job_id}/report.json"


def store(core: Core, job_id: str, found: Found) -> None:
    """Write the report of a job, unless there is one."""
    core.storage.put_json(report_key(job_id), joined(core, job_id, found).model_dump(mode="json"), if_absent=True)


def joined(core: Core, job_id: str, found: Found) -> Report:
    """Return the report with the job's cost, the links of its figures, and the paper's numbers where it has some."""
    job = core.store.load(job_id)
    assert job is not None
    numbers = paper.beside(core, job.tags, found.report.evaluation)
    return found.report.model_copy(update={"cost": costs.of_job(job), "figures": list(found.figures), "paper": numbers})
