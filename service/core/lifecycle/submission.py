"""How a planned job is recorded: all of it by one script, then workers are woken."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from api_schemas.jobs import JobKind, JobState
from service.core.catalogue.manifests import DatasetManifest
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, invalid, not_found
from service.core.foundation.protocol import PROTOCOL
from service.core.lifecycle.quotas import exceeded, limits_of_submission
from service.core.lifecycle.repeats import key_reused
from service.core.queue.plan import Ref, TaskPlan
from service.core.queue.records import JobRecord
from service.core.queue.store import IDEMPOTENCY_SECONDS, Submitted


@dataclass(frozen=True)
class Submission:
    """A job to be recorded."""

    kind: JobKind
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    tasks: Mapping[str, Mapping[str, str]]
    """{name: fields of the task's hash}, in order."""
    reads: Sequence[str]
    """Datasets that must be ready, and may not be deleted before the job is finished."""
    dataset: DatasetManifest | None = None
    """A dataset that is recorded along with the job."""
    key: str = ""
    """Digest of the idempotency key."""
    digest: str = ""
    """Digest of the request that came with the key."""
    retry_of: str = ""
    uploads: Sequence[str] = ()
    """Uploads in parts that become files of this job: the script that records it removes them."""
    notes: Sequence[str] = ()
    """Defaults that were left out, and in what the job is not the preset that its tag names."""
    awaits: Sequence[str] = ()
    """Datasets that are validated still: the job has no tasks and is planned when they are ready."""
    request: Mapping[str, Any] | None = None
    """The request of a job that awaits datasets, as it was sent."""
    name: str = ""
    priority: int = 0
    deadline: int | None = None
    """Milliseconds since 1970 by which a task has to begin."""

    def send(self, core: Core, job_id: str) -> Submitted:
        """Record the job unless the key or the retried job has one already, and wake workers for its first tasks.

        Raises ServiceError QUOTA_EXCEEDED, IDEMPOTENCY_KEY_REUSED, or INVALID_REQUEST where what it needs is gone;
        nothing is left of it then.
        """
        created = round(core.store.now())
        core.storage.put_json(request_key(job_id), self._request(core, created))
        recorded = core.store.submit(job_id, self._record(core, job_id, created))
        # It exists already under this very id where the index was rebuilt since the line before.
        if recorded.id == job_id:
            queued = {name: task for name, task in self.tasks.items() if task["state"] == JobState.QUEUED}
            core.dispatcher.announce(job_id, [name for name, task in queued.items() if task["waiting"] == "0"])
        else:
            core.storage.delete(request_key(job_id))
        if recorded.outcome == "over":
            raise exceeded(core, recorded.id)
        if recorded.outcome == "missing":
            raise gone(recorded.id)
        if recorded.outcome == "reused":
            raise key_reused(recorded.id)
        return recorded

    def _request(self, core: Core, created: int) -> dict[str, Any]:
        return {
            "schema_version": 1,
            "tenant": core.tenant,
            "kind": self.kind,
            "params": self.params,
            "tags": self.tags,
            "tasks": self.tasks,
            "reads": self.reads,
            "notes": self.notes,
            "retry_of": self.retry_of or None,
            "created": created,
            "fields": self._further_fields(core),
            "idempotency": {"key": self.key, "digest": self.digest} if self.key else None,
        } | ({"awaits": self.awaits, "request": self.request} if self.awaits else {})

    def _further_fields(self, core: Core) -> dict[str, str]:
        """Return the fields of the job that earlier versions did not have, those that say something."""
        fields = {
            "name": self.name,
            "priority": str(self.priority or ""),
            "deadline": str(self.deadline or ""),
            "created_by": core.creator.model_dump_json() if core.creator else "",
        }
        return {name: value for name, value in fields.items() if value}

    def _record(self, core: Core, job_id: str, created: int) -> dict[str, Any]:
        makes, labelers = datasets_made(self.tasks), labelers_named(self.tasks)
        fields = {
            "tenant": core.tenant,
            "kind": self.kind,
            "state": JobState.QUEUED,
            "created": str(created),
            "params": json.dumps(self.params),
            "tags": json.dumps(self.tags),
            "notes": json.dumps(self.notes),
            "datasets": json.dumps([*self.reads, *makes]),
            "labelers": json.dumps([*labelers]),
            **self._further_fields(core),
            **(awaiting_fields(self.awaits, self.request) if self.awaits else {}),
        }
        return {
            "key": self.key,
            "digest": self.digest,
            "key_seconds": IDEMPOTENCY_SECONDS,
            "retry_of": self.retry_of,
            "reads": self.reads,
            "uploads": self.uploads,
            "makes": makes,
            "labelers": labelers,
            "dataset": self.dataset.index if self.dataset else False,
            "limits": limits_of_submission(core),
            "awaits": self.awaits,
            "fields": fields | JobRecord(job_id, fields, []).entry.fields,
            "tasks": [{"name": name, "fields": fields} for name, fields in self.tasks.items()],
        }


def awaiting_fields(awaits: Sequence[str], request: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the fields of a job that is to be planned when datasets are ready."""
    return {"awaits": json.dumps(awaits), "request": json.dumps(request)}


def request_key(job_id: str) -> str:
    """Return where the request of a job lies."""
    return f"jobs/{job_id}/request.json"


def datasets_made(tasks: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the ids of the datasets that tasks make, given their fields."""
    return [fields["makes"] for fields in tasks.values() if fields["makes"].startswith("ds_")]


def labelers_named(tasks: Mapping[str, Mapping[str, str]]) -> dict[str, bool]:
    """Return {id: whether it must be there already} of the labelers that tasks use or make, given their fields."""
    refs = [Ref(**ref) for fields in tasks.values() for ref in json.loads(fields["inputs"]).values()]
    made = {
        fields["makes"]: fields["state"] == JobState.SUCCEEDED
        for fields in tasks.values()
        if fields["makes"].startswith("lb_")
    }
    return {ref.id: True for ref in refs if ref.kind == "labeler"} | made


def gone(missing: str) -> ServiceError:
    """Build the error for a submission that came back `missing`: a dataset, labeler or upload, or the job to retry."""
    if missing.startswith("job_"):
        return not_found("job", missing)
    kind = {"ds": "dataset", "lb": "labeler", "up": "upload"}[missing.partition("_")[0]]
    location = "body.upload_ids" if kind == "upload" else "body.params"
    return invalid(location, "not_found", missing, f"{kind} {missing} is gone")


def task_fields(task: TaskPlan) -> dict[str, str]:
    """Return the hash of a task that nobody has claimed yet."""
    return {
        "stage": task.stage,
        "type": task.type,
        "queue": task.queue,
        "params": json.dumps(task.params),
        "inputs": json.dumps({name: asdict(ref) for name, ref in task.inputs.items()}),
        "after": json.dumps(task.after),
        "work": str(task.work),
        "unit": task.unit,
        "makes": task.makes or "",
        "cost": json.dumps(task.cost and asdict(task.cost)),
        "protocol": str(PROTOCOL),
        "state": JobState.QUEUED,
        "waiting": str(len(task.after)),
    }
