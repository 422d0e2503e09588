"""Wake-ups for workers, sent through Celery by name: a message carries ids, the claim decides who works."""

import logging
from collections.abc import Sequence
from functools import cached_property

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis

from api_schemas.problems import ErrorCode
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.foundation.protocol import PROTOCOL
from service.core.foundation.scripts import register
from service.core.foundation.settings import QUEUES, Settings

WAKE = "ladd.wake"
"""Name of the Celery task; its arguments are the job's id and the task's name."""

PROTOCOL_HEADER = "ladd_protocol"
"""Header of a wake-up: the protocol that it was sent by."""

logger = logging.getLogger(__name__)


class Dispatcher:
    """Sends wake-ups."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._broker, self._tls = settings.redis_url, settings.redis_tls
        self._redis = redis
        self._unheard = register(redis, __package__, "unheard")

    @cached_property
    def _celery(self) -> Celery:
        app = Celery("ladd", broker=self._broker, set_as_current=False)
        app.conf.update(
            task_serializer="json",
            task_ignore_result=True,
            broker_use_ssl=self._tls or None,
            broker_connection_timeout=5,
            broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 5},
        )
        return app

    def close(self) -> None:
        """Close the connections."""
        if "_celery" in self.__dict__:
            self.__dict__.pop("_celery").close()

    def wake(self, job_id: str, task: str, queue: str) -> None:
        """Send one wake-up. Raises ServiceError UNAVAILABLE when the broker takes nothing after a second of trying."""
        retry = {"max_retries": 2, "interval_start": 0.2, "interval_step": 0.3, "interval_max": 0.5}
        try:
            self._celery.send_task(
                WAKE,
                args=[job_id, task],
                queue=queue,
                headers={PROTOCOL_HEADER: PROTOCOL},
                ignore_result=True,
                retry=True,
                retry_policy=retry,
            )
        except OperationalError as error:
            raise ServiceError(ErrorCode.UNAVAILABLE, f"The task queue takes nothing: {error}") from error

    def announce(self, job_id: str, tasks: Sequence[str]) -> None:
        """Wake workers for tasks that are ready; a wake-up that cannot be sent now is sent by the reaper later."""
        sent = []
        for task, queue in zip(tasks, self.queues([(job_id, task) for task in tasks]), strict=True):
            try:
                self.wake(job_id, task, queue)
            except ServiceError as error:
                logger.warning("the wake-up for %s of %s is left to the reaper: %s", task, job_id, error)
                break
            sent.append(f"{job_id} {task}")
        if sent:
            seconds, _ = self._redis.time()
            self._redis.zadd(redis_keys.READY, dict.fromkeys(sent, seconds * 1000), xx=True)

    def queues(self, tasks: Sequence[tuple[str, str]]) -> list[str]:
        """Return the queue of each task, given as job and name."""
        pipeline = self._redis.pipeline(transaction=False)
        for job_id, task in tasks:
            pipeline.hget(redis_keys.task(job_id, task), "queue")
        return [str(queue) for queue in pipeline.execute()]

    def unheard(self, woken_before: float, at_most: int) -> list[tuple[str, str]]:
        """Return ready tasks (job, name) at the head of lines of empty queues, for which nobody was woken since.

        `woken_before` is in milliseconds.
        """
        members = [str(member).partition(" ") for member in self._unheard(args=[woken_before, at_most, *QUEUES])]
        return [(job_id, task) for job_id, _, task in members]

    def holds_tasks(self, queue: str) -> bool:
        """Tell whether a task is ready in this queue, whether or not a worker was woken for it."""
        tenants = self._redis.smembers(redis_keys.ready_tenants(queue))
        return any(self._redis.exists(redis_keys.ready_line(queue, tenant)) for tenant in tenants)

    def waiting(self, queue: str) -> int:
        """Return how many wake-ups no worker has taken yet."""
        return self._redis.llen(queue)
