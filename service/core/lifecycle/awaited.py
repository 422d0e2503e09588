"""Jobs that name a dataset which is validated still: they have no tasks, and are planned when it is ready.

A job is looked at when it was recorded, when the upload of a dataset ends, and by the reaper; each may happen twice,
and at once. The plan is stored before it takes effect, so that all go on with one.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from api_schemas.datasets import DatasetState
from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode, ErrorOrigin, Reason, TaskError
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError, in_words, is_outage
from service.core.kinds import KINDS
from service.core.kinds.validation_errors import DatasetsAwaitedError
from service.core.lifecycle.planning import planned
from service.core.lifecycle.submission import datasets_made, gone, labelers_named, task_fields
from service.core.queue.records import JobRecord

logger = logging.getLogger(__name__)


def look_again(core: Core) -> None:
    """Go on with every job whose dataset is validated no more."""
    for dataset_id, job_id in core.store.awaiting():
        if not _is_validating(core, dataset_id) and go_on(core, job_id):
            core.store.awaits_no_more(dataset_id, job_id)


def validated(core: Core, dataset_id: str) -> list[str]:
    """Go on with the jobs that use a dataset, which is ready now, or was rejected; returns their ids."""
    users = [str(job_id) for job_id in core.redis.smembers(redis_keys.users(redis_keys.dataset(dataset_id)))]
    for job_id in users:
        if go_on(core, job_id):
            core.store.awaits_no_more(dataset_id, job_id)
    return users


def go_on(core: Core, job_id: str) -> bool:
    """Plan a job whose datasets are ready; fail it where one was rejected or is gone, or the job does not suit them.

    Returns whether that is done. Raises ServiceError UNAVAILABLE and `OUTAGES`.
    """
    job = core.store.load(job_id, [])
    if job is None or job.state is not JobState.QUEUED or not job.awaits:
        return True
    if job.kind not in KINDS or any(_is_validating(core, dataset_id) for dataset_id in job.awaits):
        return False
    acting = core.acting_for(job.tenant)
    try:
        plan = core.storage.get_json(plan_key(job_id)) or _stored_plan(acting, job)
        missing = core.store.plan(job_id, _record(plan))
        if missing:
            raise gone(missing)
    except DatasetsAwaitedError as error:
        core.store.await_datasets(job_id, error.datasets)
    except Exception as error:
        if is_outage(error):
            raise
        core.store.refuse(job_id, _in_vain(acting, job, error).model_dump_json())
    else:
        core.dispatcher.announce(job_id, [name for name, task in plan["tasks"].items() if task["waiting"] == "0"])
    return True


def plan_key(job_id: str) -> str:
    """Return where the plan of a job lies that awaited datasets."""
    return f"jobs/{job_id}/plan.json"


def _is_validating(core: Core, dataset_id: str) -> bool:
    return core.redis.hget(redis_keys.dataset(dataset_id), "state") == DatasetState.VALIDATING


def _stored_plan(core: Core, job: JobRecord) -> dict[str, Any]:
    """Plan a job and store the plan, unless somebody else was faster; returns the one that stands."""
    model = KINDS[job.kind].request
    assert model is not None
    plan = planned(core, model.model_validate(job.request))
    document = {
        "schema_version": 1,
        "params": plan.params,
        "tasks": {task.name: task_fields(task) for task in plan.tasks},
        "reads": list(plan.reads),
        "notes": list(plan.notes),
    }
    core.storage.put_json(plan_key(job.id), document, if_absent=True)
    return core.storage.get_json(plan_key(job.id)) or document


def _record(plan: Mapping[str, Any]) -> dict[str, Any]:
    tasks = plan["tasks"]
    makes, labelers = datasets_made(tasks), labelers_named(tasks)
    return {
        "reads": plan["reads"],
        "makes": makes,
        "labelers": labelers,
        "fields": {
            "params": json.dumps(plan["params"]),
            "notes": json.dumps(plan["notes"]),
            "datasets": json.dumps([*plan["reads"], *makes]),
            "labelers": json.dumps([*labelers]),
        },
        "tasks": [{"name": name, "fields": fields} for name, fields in tasks.items()],
    }


def _in_vain(core: Core, job: JobRecord, error: Exception) -> TaskError:
    """Return why a job cannot be planned: what a dataset was rejected for, where that is it."""
    for dataset in map(core.catalogue.dataset, job.awaits):
        if dataset is not None and dataset.state is DatasetState.REJECTED:
            why = "; ".join(reason.message for reason in dataset.reasons)
            message = f"{dataset.id}, which the job waited for, was rejected: {why}"
            return _error(ErrorCode.REJECTED_INPUT, ErrorOrigin.INPUT, message, dataset.reasons)
    if isinstance(error, ServiceError):
        return _error(error.code, ErrorOrigin.INPUT, error.message, error.reasons)
    logger.error("%s cannot be planned", job.id, exc_info=error)
    return _error(ErrorCode.INTERNAL, ErrorOrigin.INTERNAL, in_words(error), [])


def _error(code: ErrorCode, origin: ErrorOrigin, message: str, reasons: list[Reason]) -> TaskError:
    return TaskError(code=code, origin=origin, message=message, reasons=reasons)
