"""Tells the webhooks of a tenant that a job has ended, and what has become of the dataset that it validated."""

from api_schemas.datasets import DatasetState
from api_schemas.jobs import JobKind, JobState
from api_schemas.webhooks import Subject, SubjectLinks, WebhookPayload
from service.core.clients import Core
from service.core.foundation.ids import new_id
from service.core.queue.records import JobRecord, timestamp
from service.core.webhooks.deliveries import Message


def announce(core: Core, job: JobRecord) -> None:
    """Put the messages about a job that has ended in line, once however often this is called."""
    hooks = core.hooks.of(job.tenant)
    payloads = _payloads(core, job) if hooks else []
    messages = [
        Message(job.tenant, hook.id, new_id("msg"), payload.type, payload.model_dump_json())
        for hook in hooks
        for payload in payloads
        if hook.wants(payload.type)
    ]
    if messages:
        core.deliveries.put(messages, about_job=job.id)


def _payloads(core: Core, job: JobRecord) -> list[WebhookPayload]:
    ended = timestamp(job.fields["finished"])
    assert ended is not None
    subject = Subject(id=job.id, kind=job.kind, state=job.state, links=SubjectLinks(self=f"/v1/jobs/{job.id}"))
    told = [WebhookPayload(type=f"job.{job.state}", timestamp=ended, data=subject)]
    ingestion = job.task("ingest") if job.kind is JobKind.INGEST_DATASET else None
    dataset = core.catalogue.dataset(ingestion.makes) if ingestion is not None and ingestion.makes else None
    if dataset is not None:
        # Where it is rejected, that is about to be noted.
        state = DatasetState.READY if job.state is JobState.SUCCEEDED else DatasetState.REJECTED
        links = SubjectLinks(self=f"/v1/datasets/{dataset.id}")
        subject = Subject(id=dataset.id, kind=dataset.role, state=state, links=links)
        told.append(WebhookPayload(type=f"dataset.{state}", timestamp=ended, data=subject))
    return told
