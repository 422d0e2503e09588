"""A worker's answer to a wake-up: claim the task it names, if it is still there to take, and run it."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery, Task

from service.core.clients import Core
from service.core.lifecycle import tasks
from service.core.queue.dispatch import WAKE
from workers.supervisor.attempt import run_task
from workers.supervisor.input_cache import InputCache
from workers.supervisor.slots import Slots

logger = logging.getLogger(__name__)

Answer = Callable[[str, str, str], None]
"""Called with the queue of a wake-up, the job's id and the task's name; returns when the task has ended."""


def answer_to(core: Core, slots: Mapping[str, Slots], cache: InputCache, shutting_down: threading.Event) -> Answer:
    """Return what a worker with these slots for its queues does about a wake-up."""
    worker = f"{socket.gethostname()}:{os.getpid()}"

    def answer(queue: str, job_id: str, task_name: str) -> None:
        """Run the task whose tenant's turn it is in this queue; the one named only says that there is work."""
        with slots[queue].taken() as slot:
            if shutting_down.is_set():
                return  # the reaper repeats the wake-up
            # A task that became ready before there were turns stands in no line.
            claimed = tasks.claim_next(core, queue, worker, slot.device, shutting_down) or tasks.claim(
                core, job_id, task_name, worker, slot.device, shutting_down
            )
            if claimed is None:
                logger.info("%s of %s: nothing to do", task_name, job_id)
                return
            logger.info("%s of %s: attempt %d on %s", claimed.name, claimed.job_id, claimed.attempt, slot.device)
            run_task(core, claimed, slot, cache, shutting_down)
        if core.settings.quota_running_tasks is not None:
            # Its end may let one start whose own wake-up came while the tenant had as many running as it may.
            core.dispatcher.announce(claimed.job_id, [claimed.name])

    return answer


def register_wake(app: Celery, answer: Answer) -> None:
    """Give `app` the one task it has."""

    @app.task(name=WAKE, bind=True)
    def wake(self: Task[Any, Any], job_id: str, task_name: str) -> None:
        assert self.request.delivery_info is not None
        answer(str(self.request.delivery_info["routing_key"]), job_id, task_name)
