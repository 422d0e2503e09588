"""A worker's sign of life in Redis: it is written by the loop that takes messages, so a stuck loop is seen."""

import json
import logging
import socket
from collections.abc import Mapping
from time import monotonic
from typing import Any

from celery import bootsteps
from redis.exceptions import RedisError

from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.settings import Settings
from workers.supervisor.slots import Slots, queues_of

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
SILENT_SECONDS = 60
"""A worker that neither beats nor, having room, takes a waiting message for so long is not well."""


def heartbeat_key(settings: Settings) -> str:
    """Where workers on this host that take these queues leave their sign of life."""
    return redis_keys.worker(socket.gethostname(), ",".join(queues_of(settings)))


class Heartbeat:
    """Beats while the Celery consumer runs; knows since when messages wait although a slot is free."""

    def __init__(self, core: Core, slots: Mapping[str, Slots]) -> None:
        self._core = core
        self._slots = slots
        self._waiting_since: float | None = None

    def beat(self) -> None:
        """Write the sign of life: {"waiting_seconds": how long messages have waited although a slot was free}."""
        try:
            waiting = any(
                slots.free > 0 and self._core.dispatcher.waiting(queue) for queue, slots in self._slots.items()
            )
            now = monotonic()
            if not waiting:
                self._waiting_since = None
            elif self._waiting_since is None:
                self._waiting_since = now
            sign = json.dumps({"waiting_seconds": 0.0 if self._waiting_since is None else now - self._waiting_since})
            self._core.redis.set(heartbeat_key(self._core.settings), sign, ex=SILENT_SECONDS)
        except RedisError as error:
            logger.warning("no sign of life written: %s", error)


def ailment(core: Core) -> str | None:
    """The trouble with the worker of these settings on this host; None when it is well."""
    sign = core.redis.get(heartbeat_key(core.settings))
    if sign is None:
        return f"no sign of life for {SILENT_SECONDS} s"
    waiting = float(json.loads(sign)["waiting_seconds"])
    return f"messages wait for {waiting:.0f} s and none is taken" if waiting > SILENT_SECONDS else None


def heartbeat_step(heartbeat: Heartbeat) -> type[bootsteps.StartStopStep]:
    """A step of Celery's consumer that beats from its event loop; the loop drops its timers when it reconnects."""

    class HeartbeatStep(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, parent: Any) -> None:
            heartbeat.beat()
            parent.timer.call_repeatedly(BEAT_SECONDS, heartbeat.beat)

    return HeartbeatStep
