"""Any process does this now and then for all: take back lost leases, repeat lost wake-ups, empty the outbox, sweep."""

import logging
import random
import threading
import time

from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import OUTAGES, ServiceError
from service.core.foundation.locks import held_alone
from service.core.lifecycle import awaited, outbox, tasks
from service.core.queue.store import milliseconds
from service.core.upkeep.adoption import list_when_due
from service.core.upkeep.sweeper import sweep_when_due

LOCK_SECONDS = 10
"""How long nobody looks when a process is killed while it does. A longer look may overlap with another's."""

AT_ONCE = 100
"""Wake-ups that are sent again, and jobs that expire, in one look at most; the next goes on."""

logger = logging.getLogger(__name__)
_RANDOM = random.Random()
"""Of its own: what others draw does not depend on it."""


def run_reaper(core: Core, stop: threading.Event) -> None:
    """Look now and every `reaper_seconds` until `stop` is set; an outage is logged and waited out."""
    while not stop.is_set():
        try:
            reap_once(core)
            list_when_due(core)
            sweep_when_due(core)
        except (ServiceError, *OUTAGES) as error:
            logger.warning("the reaper could not look: %s", error)
        except Exception:  # such as a document of another version: the next look may not meet it
            logger.exception("the reaper could not look")
        stop.wait(core.settings.reaper_seconds)


def reap_once(core: Core) -> bool:
    """Look once; False when another process is looking at this moment."""
    with held_alone(core.redis, redis_keys.REAPER_LOCK, LOCK_SECONDS) as alone:
        if not alone:
            return False
        _excuse_after_outage(core)
        for member in core.redis.zrangebyscore(redis_keys.LEASES, 0, core.store.now()):
            job_id, _, task = str(member).partition(" ")
            if tasks.lose(core, job_id, task):
                logger.warning("the lease of %s of %s was lost", task, job_id)
        _expire_overdue(core)
        core.redis.set(redis_keys.REAPER, core.store.now() / 1000)
        core.store.unpark()
        _wake_again(core)
        _attend_outbox(core)
        awaited.look_again(core)
    return True


def _expire_overdue(core: Core) -> None:
    """End jobs that should have begun by now."""
    for job_id in core.redis.zrangebyscore(redis_keys.DEADLINES, 0, core.store.now(), start=0, num=AT_ONCE):
        core.store.expire(str(job_id))


def _attend_outbox(core: Core) -> None:
    """Do as many as the lock lasts: while the storage hangs each takes half a minute, and leases have to be looked at.

    In any order, so that those that fail do not keep the others from their turn.
    """
    begun = time.monotonic()
    due = core.store.due()
    for entry in _RANDOM.sample(due, len(due)):
        if time.monotonic() - begun > LOCK_SECONDS:
            break
        outbox.attend(core, entry)


def _excuse_after_outage(core: Core) -> None:
    """Start leases anew that ran out while nobody looked: Redis was away (or all of us), and nobody could renew."""
    now = core.store.now()
    last_look = float(core.redis.get(redis_keys.REAPER) or now / 1000)
    if now / 1000 - last_look > max(core.settings.lease_seconds, 2 * core.settings.reaper_seconds):
        until = now + milliseconds(core.settings.lease_seconds)
        for member in core.redis.zrangebyscore(redis_keys.LEASES, 0, now):
            # Only what is still there: a task may end between the two commands.
            core.redis.zadd(redis_keys.LEASES, {str(member): until}, xx=True)


def _wake_again(core: Core) -> None:
    """Send the wake-ups of tasks that nobody claimed for a while, until some wait in the queue."""
    patience = 2000 * core.settings.reaper_seconds
    for job_id, task in core.dispatcher.unheard(core.store.now() - patience, AT_ONCE):
        [queue] = core.dispatcher.queues([(job_id, task)])
        if not core.dispatcher.waiting(queue):
            core.dispatcher.announce(job_id, [task])
