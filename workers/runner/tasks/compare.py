"""Set the evaluations of several jobs side by side."""

from pathlib import Path

from api_schemas.evaluation import Evaluation
from api_schemas.runner import DoneEvent, RunnerTask
from workers.ladd.evaluation.job_comparison import compare_jobs
from workers.runner.reporter import Reporter


def run(task: RunnerTask, folder: Path, report: Reporter) -> DoneEvent:
    """The result is the comparison."""
    evaluations = {
        job: Evaluation.model_validate(task.documents[f"report_{position}"]["evaluation"])
        for position, job in enumerate(task.params["jobs"])
    }
    return DoneEvent(event="done", files=[], result=compare_jobs(evaluations).model_dump(mode="json"))
