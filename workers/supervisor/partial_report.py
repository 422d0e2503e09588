"""The report of what a job has found so far, made in a runner as others are; without a lease: nothing waits for it."""

import logging
import threading
from pathlib import Path

from api_schemas.evaluation import Report
from api_schemas.runner import DoneEvent, FailedEvent
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.locks import held_alone
from service.core.lifecycle import partial_reports
from service.core.lifecycle.tasks import ClaimedTask
from workers.supervisor.attempt import prepare
from workers.supervisor.input_cache import InputCache
from workers.supervisor.runner_process import RUNNER_COMMAND, RunnerProcess, runner_environment
from workers.supervisor.scratch import attempt_folder
from workers.supervisor.slots import Slot

LONGEST_SECONDS = 120.0
"""Of a runner, and of the wait for another worker that died at it: reports take seconds."""

logger = logging.getLogger(__name__)


def make_partial_report(core: Core, job_id: str, worker: str, slot: Slot, cache: InputCache) -> None:
    """Make and store the report of a job's results so far, unless it is there or another worker is at it."""
    with held_alone(core.redis, redis_keys.partial_report(job_id), LONGEST_SECONDS) as alone:
        work = partial_reports.work(core, job_id, worker) if alone else None
        if work is None:
            return
        data = core.settings.data_dir
        with attempt_folder(data / "scratch", job_id, work.name, work.attempt) as folder:
            prepare(core, work, slot, cache, folder)
            ending = _run(work, slot, folder, data / "home")
        if isinstance(ending, DoneEvent):
            partial_reports.store(core, work, Report.model_validate(ending.result["report"]))
            logger.info("%s: made of %d results", work, work.attempt)
        else:
            logger.warning("%s: failed: %s", work, ending if isinstance(ending, str) else ending.error.message)


def _run(work: ClaimedTask, slot: Slot, folder: Path, home: Path) -> DoneEvent | FailedEvent | str:
    """Return the runner's last event, or its last words."""
    home.mkdir(parents=True, exist_ok=True)
    with RunnerProcess(RUNNER_COMMAND, folder, runner_environment(slot, work.type, home)) as runner:
        patience = threading.Timer(LONGEST_SECONDS, runner.terminate)
        patience.start()
        try:
            ends = (event for event in runner.events() if isinstance(event, DoneEvent | FailedEvent))
            return next(ends, None) or runner.failure_summary()
        finally:
            patience.cancel()
