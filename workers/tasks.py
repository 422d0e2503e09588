"""What a worker does with a wake-up: claim the task it names, if it is still there to take, and run it."""

import logging
import os
import socket
import threading

from celery import Celery

from service.core import tasks
from service.core.core import Core
from service.core.dispatch import WAKE
from workers.input_cache import InputCache
from workers.slots import Slots
from workers.supervisor import run_task

logger = logging.getLogger(__name__)


def register_wake(app: Celery, core: Core, slots: Slots, cache: InputCache, shutting_down: threading.Event) -> None:
    """Give `app` the one task it has."""
    worker = f"{socket.gethostname()}:{os.getpid()}"

    @app.task(name=WAKE)
    def wake(job_id: str, task_name: str) -> None:
        """Run a task of a job; without effect when another worker was faster."""
        with slots.taken() as slot:
            if shutting_down.is_set():
                return  # the reaper repeats the wake-up
            claimed = tasks.claim(core, job_id, task_name, worker, slot.device)
            if claimed is None:
                logger.info("%s of %s: nothing to do", task_name, job_id)
                return
            logger.info("%s of %s: attempt %d on %s", task_name, job_id, claimed.attempt, slot.device)
            run_task(core, claimed, slot, cache, shutting_down)
