"""A worker's answer to a wake-up: claim the task it names, if it is still there to take, and run it."""

import logging
import os
import socket
import threading
from typing import Any

from celery import Celery, Task

from service.core.clients import Core
from service.core.foundation.errors import ServiceError, is_outage
from service.core.foundation.protocol import PROTOCOL
from service.core.lifecycle import tasks
from service.core.queue.dispatch import PROTOCOL_HEADER, WAKE
from workers.supervisor.attempt import run_task
from workers.supervisor.input_cache import InputCache
from workers.supervisor.intake import Intake
from workers.supervisor.slots import Slots

logger = logging.getLogger(__name__)


def register_wake(
    app: Celery, core: Core, slots: Slots, cache: InputCache, intake: Intake, shutting_down: threading.Event
) -> None:
    """Give `app` the one task it has."""
    worker = f"{socket.gethostname()}:{os.getpid()}"

    @app.task(name=WAKE, bind=True, shared=False)
    def wake(self: Task[Any, Any], job_id: str, task_name: str) -> None:
        """Run the task whose tenant's turn it is in this queue; the one named only says that there is work."""
        assert self.request.delivery_info is not None
        queue = str(self.request.delivery_info["routing_key"])
        if self.request.get(PROTOCOL_HEADER, 1) > PROTOCOL:
            return  # of a newer front, for a newer worker: the reaper repeats it
        with slots.taken() as slot:
            # Held meanwhile, the slot takes no other wake-up away from workers that are well.
            if not intake.wait(shutting_down):
                return  # the reaper repeats the wake-up
            try:
                # A task that became ready before there were turns stands in no line.
                claimed = tasks.claim_next(core, queue, worker, slot.device, shutting_down) or tasks.claim(
                    core, job_id, task_name, worker, slot.device, shutting_down
                )
            except ServiceError as error:
                if is_outage(error):
                    intake.failed(error)
                else:
                    logger.warning("a claim in queue %s has failed a task: %s", queue, error)
                return
            except Exception as error:  # another version's task, or a fault of ours: it was given back
                logger.exception("a claim in queue %s", queue)
                intake.failed(error)
                return
            if claimed is None:
                logger.info("%s of %s: nothing to do", task_name, job_id)
                return
            logger.info("%s of %s: attempt %d on %s", claimed.name, claimed.job_id, claimed.attempt, slot.device)
            outage = run_task(core, claimed, slot, cache, shutting_down)
            if outage is None:
                intake.succeeded()
            else:
                intake.failed(outage)
        if core.settings.quota_running_tasks is not None:
            # Its end may let one start whose own wake-up came while the tenant had as many running as it may.
            core.dispatcher.announce(claimed.job_id, [claimed.name])
