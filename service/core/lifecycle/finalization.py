"""How a job ended, as the object storage keeps it, so that it does not begin again when Redis is lost."""

from typing import Any

from service.core.queue.records import PLANNED, JobRecord

COUNTED_AGAIN = frozenset({"unfinished", "retried_as"})
"""Fields of a job that follow from its tasks and from other jobs."""


def end_key(job_id: str) -> str:
    """Return where the end of a job lies."""
    return f"jobs/{job_id}/end.json"


def final_record(job: JobRecord) -> dict[str, Any]:
    """Return what Redis knows of a finished job and its request does not tell."""
    planned = {*PLANNED, "before"}
    return {
        "schema_version": 1,
        "fields": {name: value for name, value in job.fields.items() if name not in COUNTED_AGAIN},
        "tasks": {
            task.name: {name: value for name, value in task.fields.items() if name not in planned} for task in job.tasks
        },
    }
