"""A worker's answer to a wake-up: claim the task it names, if it is still there to take, run it, and then the next."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from celery import Celery, Task

from service.core.clients import Core
from service.core.foundation.errors import OUTAGES, ServiceError, is_outage
from service.core.foundation.protocol import PROTOCOL
from service.core.lifecycle import tasks
from service.core.lifecycle.partial_reports import PARTIAL_REPORT
from service.core.lifecycle.tasks import ClaimedTask
from service.core.queue.dispatch import PROTOCOL_HEADER, WAKE
from workers.supervisor.attempt import run_task
from workers.supervisor.fitness import Fitness
from workers.supervisor.input_cache import InputCache
from workers.supervisor.intake import Intake
from workers.supervisor.partial_report import make_partial_report
from workers.supervisor.slots import Slot, Slots
from workers.supervisor.warm_runner import WarmRunner

logger = logging.getLogger(__name__)

LEFT_SECONDS = 1.0
"""Pause before a wake-up for a task that this worker leaves to others is sent on."""

Answer = Callable[[str, str, str], None]
"""Called with the queue of a wake-up, the job's id and the task's name; returns when the slot has nothing to do."""


@dataclass(frozen=True)
class Answering:
    """The answer of a worker with these slots for its queues."""

    core: Core
    worker: str
    slots: Mapping[str, Slots]
    cache: InputCache
    fitness: Fitness
    intake: Intake
    shutting_down: threading.Event

    def __call__(self, queue: str, job_id: str, task_name: str) -> None:
        """Run the task whose tenant's turn it is in this queue; the one named only says that there is work.

        Then run what comes next in the queues of the slot, which take turns, without waiting for its wake-up.
        """
        turns = deque(name for name, its in self.slots.items() if its is self.slots[queue])
        with self.slots[queue].taken() as slot, self._seat(slot, queue, job_id, task_name), WarmRunner() as warm:
            if self._trouble is not None:
                # For others: this thread holds its slot and takes no other message until the worker takes tasks.
                self._send_on(queue, job_id, task_name)
                self.fitness.wait()
                self.intake.wait(self.shutting_down)
            if self.shutting_down.is_set():
                return  # the reaper repeats the wake-up
            if task_name == PARTIAL_REPORT:
                self._report(job_id, slot)
            turns.rotate(-turns.index(queue) - 1)
            claimed = self._claimed(lambda: self._first(queue, job_id, task_name, slot))
            while claimed is not None:
                self._run(claimed, slot, warm)
                if self.shutting_down.is_set() or self._trouble is not None:
                    return  # wake-ups of what is left are still on their way
                if slot.seat is not None and not slot.seat.stays():
                    self._send_on(queue, job_id, task_name)  # to wait for a seat again, here or elsewhere
                    return
                claimed = self._claimed(lambda: self._next(turns, slot))

    def _seat(self, slot: Slot, queue: str, job_id: str, task_name: str) -> AbstractContextManager[None]:
        """Hold the slot's seat on a GPU that is shared, waiting for it if need be."""
        if slot.seat is None:
            return nullcontext()
        if not slot.seat.is_open:
            self._send_on(queue, job_id, task_name)  # for others: this thread takes no other message meanwhile
        return slot.seat.taken(self.shutting_down)

    @property
    def _trouble(self) -> str | None:
        return self.fitness.trouble or self.intake.trouble

    def _claimed(self, claim: Callable[[], ClaimedTask | None]) -> ClaimedTask | None:
        try:
            return claim()
        except ServiceError as error:
            if is_outage(error):
                self.intake.failed(error)
            else:
                logger.warning("a claim has failed a task: %s", error)
        except Exception as error:  # another version's task, or a fault of ours: it was given back
            logger.exception("a claim")
            self.intake.failed(error)
        return None

    def _first(self, queue: str, job_id: str, task_name: str, slot: Slot) -> ClaimedTask | None:
        claimed = self._in_turn(queue, slot)
        if claimed is None:
            # A task that became ready before there were turns stands in no line.
            claimed = tasks.claim(self.core, job_id, task_name, self.worker, slot.device, self.shutting_down)
        if claimed is None:
            logger.debug("%s of %s: nothing to do", task_name, job_id)
            if self.core.store.is_left(job_id, task_name, self.worker) and not self.shutting_down.wait(LEFT_SECONDS):
                self._send_on(queue, job_id, task_name)
        return claimed

    def _next(self, turns: deque[str], slot: Slot) -> ClaimedTask | None:
        for _ in range(len(turns)):
            turns.rotate(-1)
            if (claimed := self._in_turn(turns[-1], slot)) is not None:
                return claimed
        return None

    def _in_turn(self, queue: str, slot: Slot) -> ClaimedTask | None:
        return tasks.claim_next(self.core, queue, self.worker, slot.device, self.shutting_down)

    def _run(self, claimed: ClaimedTask, slot: Slot, warm: WarmRunner) -> None:
        logger.info("%s: begins on %s", claimed, slot.device)
        outage = run_task(self.core, claimed, slot, warm, self.cache, self.fitness, self.shutting_down)
        if outage is None:
            self.intake.succeeded()
        else:
            self.intake.failed(outage)
        if self.core.settings.quota_running_tasks is not None:
            # Its end may let one start whose own wake-up came while the tenant had as many running as it may.
            self.core.dispatcher.announce(claimed.job_id, [claimed.name])

    def _report(self, job_id: str, slot: Slot) -> None:
        try:
            make_partial_report(self.core, job_id, self.worker, slot, self.cache)
        except Exception:  # whoever wants it asks again
            logger.exception("the report of what %s has found so far", job_id)

    def _send_on(self, queue: str, job_id: str, task_name: str) -> None:
        try:
            self.core.dispatcher.wake(job_id, task_name, queue)
        except (ServiceError, *OUTAGES) as error:
            logger.warning("the wake-up for %s of %s is left to the reaper: %s", task_name, job_id, error)


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
