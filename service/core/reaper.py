"""What any process does now and then for all: take back lost leases, repeat lost wake-ups, do followups, and sweep."""

import contextlib
import logging
import threading
import time

from redis.exceptions import LockNotOwnedError

from service.core import followups, tasks
from service.core.core import Core
from service.core.errors import OUTAGES, ServiceError
from service.core.store import LEASES, READY
from service.core.sweeper import sweep_when_due

SIGN_OF_LIFE = "ladd:reaper"
"""Key of the time (seconds since 1970) of the last look."""

LOCK = "ladd:lock:reaper"
LOCK_SECONDS = 120

logger = logging.getLogger(__name__)


def run_reaper(core: Core, stop: threading.Event) -> None:
    """Look now and every `reaper_seconds` until `stop` is set; an outage is logged and waited out."""
    while not stop.is_set():
        try:
            reap_once(core)
            sweep_when_due(core)
        except (ServiceError, *OUTAGES) as error:
            logger.warning("the reaper could not look: %s", error)
        stop.wait(core.settings.reaper_seconds)


def reap_once(core: Core) -> bool:
    """Look once; False when another process is looking at this moment."""
    lock = core.redis.lock(LOCK, timeout=LOCK_SECONDS)
    if not lock.acquire(blocking=False):
        return False
    try:
        for job_id, task in _members(core, LEASES, core.store.now()):
            if tasks.lose(core, job_id, task):
                logger.warning("the lease of %s of %s was lost", task, job_id)
        _wake_again(core)
        for followup in core.store.due():
            followups.attend(core, followup)
        core.redis.set(SIGN_OF_LIFE, time.time())
    finally:
        # After LOCK_SECONDS it may be another's, and no harm done: every step above may run twice.
        with contextlib.suppress(LockNotOwnedError):
            lock.release()
    return True


def _members(core: Core, key: str, up_to: float) -> list[tuple[str, str]]:
    """Return (job, task) of a sorted set with scores (milliseconds) up to a time."""
    members = [str(member).partition(" ") for member in core.redis.zrangebyscore(key, 0, up_to)]
    return [(job_id, task) for job_id, _, task in members]


def _wake_again(core: Core) -> None:
    """Send the wake-ups of tasks that nobody claimed for a while, though their queue is empty."""
    patience = 2000 * core.settings.reaper_seconds
    late = _members(core, READY, core.store.now() - patience)
    busy: set[str] = set()
    for (job_id, task), queue in zip(late, core.dispatcher.queues(late), strict=True):
        if queue not in busy and core.dispatcher.waiting(queue):
            busy.add(queue)
        if queue not in busy:
            core.dispatcher.announce(job_id, [task])
