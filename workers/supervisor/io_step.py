"""The queue `io` beside the others: its wake-ups are taken while every slot of the machine trains.

Celery counts the messages of all its queues together and takes none while as many are at work as it has threads, so
this queue is consumed on a channel of its own.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import bootsteps
from kombu import Consumer, Exchange, Message, Queue
from redis.exceptions import RedisError

from service.core.queue.dispatch import PROTOCOL_HEADER
from workers.supervisor.slots import IO
from workers.supervisor.wake import Answer, is_known

logger = logging.getLogger(__name__)


def io_step(answer: Answer, thread: ThreadPoolExecutor) -> type[bootsteps.ConsumerStep]:
    """A step of Celery's consumer that has the wake-ups of `io` answered in `thread`, one at a time."""

    def take(body: Any, message: Message) -> None:
        (job_id, task_name), *_ = body
        if is_known(int(message.headers.get(PROTOCOL_HEADER, 1))):
            thread.submit(_answered, job_id, task_name, message)
        else:
            message.ack()

    def _answered(job_id: str, task_name: str, message: Message) -> None:
        try:
            answer(IO, job_id, task_name)
        except Exception:
            logger.exception("%s of %s", task_name, job_id)
        try:
            # Only now: until then the channel holds one message, and others wait where every worker can take them.
            message.ack()
        except (RedisError, OSError) as error:
            logger.warning("a wake-up for %s of %s may come again: %s", task_name, job_id, error)

    class IoStep(bootsteps.ConsumerStep):
        def get_consumers(self, channel: Any) -> list[Consumer]:
            queue = Queue(IO, Exchange(IO, type="direct"), routing_key=IO)
            return [Consumer(channel, [queue], callbacks=[take], accept=["json"], prefetch_count=1)]

    return IoStep
