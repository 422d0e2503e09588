"""A worker's answer to a wake-up: claim the task it names, if it is still there to take, and run it."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery, Task

from service.core.clients import Core
from service.core.foundation.errors import OUTAGES, ServiceError, is_outage
from service.core.foundation.protocol import PROTOCOL
from service.core.lifecycle import tasks
from service.core.queue.dispatch import PROTOCOL_HEADER, WAKE
from workers.supervisor.attempt import run_task
from workers.supervisor.fitness import Fitness
from workers.supervisor.input_cache import InputCache
from workers.supervisor.intake import Intake
from workers.supervisor.slots import Slots

logger = logging.getLogger(__name__)

LEFT_SECONDS = 1.0
"""Pause before a wake-up for a task that this worker leaves to others is sent on."""

Answer = Callable[[str, str, str], None]
"""Called with the queue of a wake-up, the job's id and the task's name; returns when the task has ended."""


def answer_to(
    core: Core,
    worker: str,
    slots: Mapping[str, Slots],
    cache: InputCache,
    fitness: Fitness,
    intake: Intake,
    shutting_down: threading.Event,
) -> Answer:
    """Return what a worker with these slots for its queues does about a wake-up."""

    def send_on(job_id: str, task_name: str, queue: str) -> None:
        try:
            core.dispatcher.wake(job_id, task_name, queue)
        except (ServiceError, *OUTAGES) as error:
            logger.warning("the wake-up for %s of %s is left to the reaper: %s", task_name, job_id, error)

    def answer(queue: str, job_id: str, task_name: str) -> None:
        """Run the task whose tenant's turn it is in this queue; the one named only says that there is work."""
        with slots[queue].taken() as slot:
            if (fitness.trouble or intake.trouble) is not None:
                # For others: this thread holds its slot and takes no other message until the worker takes tasks.
                send_on(job_id, task_name, queue)
                fitness.wait()
                intake.wait(shutting_down)
            if shutting_down.is_set():
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
                if core.store.is_left(job_id, task_name, worker) and not shutting_down.wait(LEFT_SECONDS):
                    send_on(job_id, task_name, queue)
                return
            logger.info("%s: begins on %s", claimed, slot.device)
            outage = run_task(core, claimed, slot, cache, fitness, shutting_down)
            if outage is None:
                intake.succeeded()
            else:
                intake.failed(outage)
        if core.settings.quota_running_tasks is not None:
            # Its end may let one start whose own wake-up came while the tenant had as many running as it may.
            core.dispatcher.announce(claimed.job_id, [claimed.name])

    return answer


def register_wake(app: Celery, answer: Answer) -> None:
    """Give `app` the one task it has."""

    @app.task(name=WAKE, bind=True, shared=False)
    def wake(self: Task[Any, Any], job_id: str, task_name: str) -> None:
        assert self.request.delivery_info is not None
        if is_known(self.request.get(PROTOCOL_HEADER, 1)):
            answer(str(self.request.delivery_info["routing_key"]), job_id, task_name)


def is_known(protocol: int) -> bool:
    """Tell whether a wake-up is of a protocol that this version knows; the reaper repeats others for newer workers."""
    return protocol <= PROTOCOL
