"""A worker's sign of life in Redis: it is written by the loop that takes messages, so a stuck loop is seen."""

import logging
import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from celery import bootsteps
from redis.exceptions import RedisError

from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.core.queue import workers
from service.core.queue.workers import SILENT_SECONDS, Sign
from workers.supervisor.fitness import Fitness
from workers.supervisor.intake import Intake
from workers.supervisor.slots import Slots, queues_of

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0


def worker_name() -> str:
    """Return a name for this process that no other worker has: `<host>:<process id>:<random>`."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"


class Heartbeat:
    """Beats while the Celery consumer runs; knows since when messages wait although a slot is free."""

    def __init__(self, core: Core, worker: str, slots: Mapping[str, Slots], fitness: Fitness, intake: Intake) -> None:
        self._core = core
        self._worker = worker
        self._slots = slots
        self._fitness = fitness
        self._intake = intake
        self._waiting_since: float | None = None

    def beat(self) -> None:
        """Write the sign of life. A worker that neither beats nor, having room, takes a waiting message is not well."""
        try:
            trouble = self._fitness.trouble or self._intake.trouble
            takes = [queue for queue, slots in self._slots.items() if slots.free > 0 and trouble is None]
            now = monotonic()
            if not any(self._core.dispatcher.waiting(queue) for queue in takes):
                self._waiting_since = None
            elif self._waiting_since is None:
                self._waiting_since = now
            waited = 0.0 if self._waiting_since is None else now - self._waiting_since
            free = {queue: slots.free for queue, slots in self._slots.items()}
            device = next(iter(self._slots.values())).device
            sign = Sign(free, trouble or "", waited, device=device)
            workers.beat(self._core.redis, self._worker, sign)
        except RedisError as error:
            logger.warning("no sign of life written: %s", error)


def forget_predecessors(core: Core) -> None:
    """Take workers off the list that were killed on this host: their processes are gone, or are this one."""
    with suppress(RedisError):
        for name in workers.known(core.redis):
            host, _, process = name.rpartition(":")[0].rpartition(":")
            if host == socket.gethostname() and not _runs_beside_us(int(process)):
                workers.leave(core.redis, name)


def _runs_beside_us(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def ailment(core: Core) -> str | None:
    """The trouble with a worker of these settings on this host, the first of several; None when all are well."""
    ours = {name: sign for name, sign in workers.known(core.redis).items() if _is_ours(name, sign, core.settings)}
    if not ours:
        return f"no sign of life for {SILENT_SECONDS} s"
    now, _ = core.redis.time()
    for name, sign in ours.items():
        wrong = sign.trouble or None
        if sign.expires <= now:
            wrong = f"no sign of life for {SILENT_SECONDS} s"
        elif sign.waiting_seconds > SILENT_SECONDS:
            wrong = f"messages wait for {sign.waiting_seconds:.0f} s and none is taken"
        if wrong is not None:
            return wrong if len(ours) == 1 else f"{name}: {wrong}"
    return None


def _is_ours(name: str, sign: Sign, settings: Settings) -> bool:
    return name.rpartition(":")[0].rpartition(":")[0] == socket.gethostname() and set(sign.queues) == {
        *queues_of(settings)
    }


def heartbeat_step(heartbeat: Heartbeat) -> type[bootsteps.StartStopStep]:
    """A step of Celery's consumer that beats from its event loop; the loop drops its timers when it reconnects."""

    class HeartbeatStep(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, parent: Any) -> None:
            heartbeat.beat()
            parent.timer.call_repeatedly(BEAT_SECONDS, heartbeat.beat)

    return HeartbeatStep
