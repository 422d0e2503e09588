"""A job that is waited for and succeeds."""

from typing import Any

from ladd_client.api import LaddClient

from api_schemas.events import JobEvent
from api_schemas.jobs import Job, JobState


class Finished:
    def __init__(self, client: LaddClient, request: Any) -> None:
        self.events: list[JobEvent] = []
        submitted = self.submitted = client.submit(request)
        self.job: Job = client.wait(submitted.id, self.events.append)
        assert self.job.state is JobState.SUCCEEDED, self.job.error
        assert submitted.progress is not None
        assert submitted.progress.total == self.work_done(submitted.progress.stage)
        assert self.job.result is not None
        self.result = self.job.result

    def work_done(self, stage: str) -> int:
        progress = [task.progress for task in self.job.tasks if task.stage == stage]
        return sum(part.done for part in progress if part is not None)
