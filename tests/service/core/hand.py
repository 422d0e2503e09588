"""Datasets and jobs made through the real core, by a worker whose results nobody computed."""

from itertools import count
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from api_schemas.datasets import DatasetMetadata, DatasetRole
from api_schemas.jobs import TERMINAL_STATES, Job, JobRequest
from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.lifecycle import tasks
from service.core.lifecycle.tasks import ClaimedTask
from service.core.objects.received_files import StreamedFile, upload_key
from service.core.resources import datasets, jobs
from tests.service.core.made_up_results import RESULTS, made_up_stats

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


class Hand:
    """Uploads sets, submits jobs, claims tasks and hands in results."""

    def __init__(self, core: Core, folder: Path) -> None:
        self.core = core
        self.folder = folder
        self._numbers = count()

    def file(self, content: bytes) -> Path:
        path = self.folder / f"file-{next(self._numbers)}"
        path.write_bytes(content)
        return path

    def upload(self, role: str = "distilled", **metadata: Any) -> Any:
        """Create a dataset of one uploaded file; it is still to be ingested."""
        dataset_id = new_id("ds")
        key = upload_key(dataset_id, 0)
        stream = self.core.storage.open_upload(key)
        stream.write(b"raw bytes of " + dataset_id.encode())
        files = [StreamedFile("images.pt", key, stream.finish())]
        document = DatasetMetadata.model_validate({"name": f"{role} set", "role": role, **metadata})
        return datasets.create(self.core, document, files, dataset_id)

    def ready_set(
        self, role: str = "distilled", stats: dict[str, Any] | None = None, content: bytes = b"", **metadata: Any
    ) -> str:
        """Create a dataset and ingest it."""
        dataset = self.upload(role, **metadata)
        splits = ("train_", "val_") if role == DatasetRole.SOURCE else ("",)
        files = {
            f"{split}{what}.npy": self.file(content + f"{split}{what} of {dataset.id}".encode())
            for split in splits
            for what in ("images", "labels")
        }
        if metadata.get("normalization") == "zca":
            files["zca.safetensors"] = self.file(b"matrix of " + dataset.id.encode())
        claimed = self.claim(dataset.job, "ingest")
        measured = stats or made_up_stats(role, learned_lr=metadata.get("learned_lr"))
        assert tasks.succeed(self.core, claimed, {"stats": measured}, files)
        return str(dataset.id)

    def made_up_stats(self, role: str = "distilled", **changed: Any) -> dict[str, Any]:
        return made_up_stats(role, **changed)

    def submit(self, kind: str, key: str | None = None, tags: dict[str, str] | None = None, **params: Any) -> Job:
        request = REQUEST.validate_python({"kind": kind, "params": params, "tags": tags or {}})
        return jobs.submit(self.core, request, key)[0]

    def claim(self, job_id: str, task: str, worker: str = "hand") -> ClaimedTask:
        claimed = tasks.claim(self.core, job_id, task, worker)
        assert claimed is not None, f"{task} of {job_id} is not there to take"
        return claimed

    def finish(self, claimed: ClaimedTask) -> bool:
        """Hand in a result of the kind that the task's runner would."""
        result, files = RESULTS[claimed.type](claimed)
        # No two attempts write the same bytes, as on a GPU.
        ours = f" by attempt {claimed.attempt} at {claimed.job_id}".encode()
        return tasks.succeed(self.core, claimed, result, {name: self.file(text + ours) for name, text in files.items()})

    def fail(self, claimed: ClaimedTask, origin: ErrorOrigin = ErrorOrigin.INTERNAL) -> bool:
        error = TaskError(code=ErrorCode.INTERNAL, origin=origin, message="it broke", reasons=[])
        return tasks.fail(self.core, claimed, error)

    def work(self, job_id: str, until: str | None = None) -> Job:
        """Do every task that is ready, until none is, or until the task named `until` is."""
        while True:
            job = jobs.view(self.core, job_id)
            if job.state in TERMINAL_STATES:
                return job
            for task in job.tasks:
                if task.name == until:
                    continue
                claimed = tasks.claim(self.core, job_id, task.name, "hand")
                if claimed is not None:
                    assert self.finish(claimed)
                    break
            else:
                return jobs.view(self.core, job_id)

    def trained_labeler(self, source: str, **recipe: Any) -> str:
        job = self.work(self.submit("train_labeler", source_dataset=source, **recipe).id)
        assert job.result is not None
        assert job.result.labeler is not None
        return job.result.labeler
