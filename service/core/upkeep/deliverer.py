"""Sends what is due to webhooks: every front and worker does, each message by one of them at a time."""

import logging
import random
import threading
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from api_schemas.webhooks import DeliveryState
from service.core.clients import Core
from service.core.foundation.errors import OUTAGES, ServiceError
from service.core.webhooks.deliveries import Taken
from service.core.webhooks.hooks import Hook
from service.core.webhooks.sending import ATTEMPT_SECONDS, Answer, send

AT_A_TIME = 4
"""Attempts of one process under way at a time, each to another webhook: one that hangs does not keep the others."""
LOOK_SECONDS = 1.0
"""Pause between two looks while nothing is due."""
LEASE_SECONDS = 4 * ATTEMPT_SECONDS
"""How long nobody else sends a message that a process has taken: longer than any attempt."""

PAUSES = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
"""Seconds between the tries of a message, those of Svix, which began Standard Webhooks: eight tries in 28 hours."""
JITTER = 0.2
"""Part of a pause that may be added, so that what failed together does not come together again."""

FAILING_DAYS = 5
"""How long a webhook may answer nothing as it should before it is disabled (as Svix does)."""

GONE = 410
"""Status by which a receiver says that it wants nothing any more."""

logger = logging.getLogger(__name__)
_RANDOM = random.Random()
"""Of its own: what others draw does not depend on it."""


def deliverer_threads(core: Core, stop: threading.Event) -> list[threading.Thread]:
    """Return threads, to be started, that send until `stop` is set; an attempt under way is ended first."""
    return [
        threading.Thread(target=_deliver, args=(core, stop), name=f"deliverer-{number}", daemon=True)
        for number in range(AT_A_TIME)
    ]


def _deliver(core: Core, stop: threading.Event) -> None:
    while not stop.is_set():
        pause = LOOK_SECONDS
        try:
            pause = 0 if deliver_next(core) else LOOK_SECONDS
        except OUTAGES:  # of which the reaper beside this tells
            pause = core.settings.reaper_seconds
        except ServiceError as error:
            logger.warning("a webhook could not be disabled: %s", error)
        except Exception:  # such as a document of another version: the next one may be of this
            logger.exception("a message could not be sent")
        stop.wait(pause)


def deliver_next(core: Core) -> bool:
    """Send the message whose turn it is, once; False where none is due."""
    taken = core.deliveries.take(round(LEASE_SECONDS * 1000))
    if taken is None:
        return False
    hook = core.hooks.find(taken.tenant, taken.hook)
    if hook is None:
        core.deliveries.forget(taken.tenant, taken.hook)
    elif not hook.enabled:
        core.deliveries.rest(taken.tenant, taken.hook)
    else:
        _settle(core, hook, taken, send(hook, taken, core.settings.webhook_networks))
    return True


def _settle(core: Core, hook: Hook, taken: Taken, answer: Answer) -> None:
    """Note how an attempt has ended, and disable a webhook that is gone or has failed for days."""
    attempt = {**asdict(answer), "started_at": answer.started_at.isoformat()}
    if answer.is_taken:
        core.deliveries.settle(taken, DeliveryState.SUCCEEDED, attempt, well=True)
        return
    logger.info("%s did not take %s: %s", hook.id, taken.id, answer.error or f"it answered {answer.status}")
    left = PAUSES[taken.tries - 1 :] if answer.status != GONE else ()
    if left:
        pause = left[0] * _RANDOM.uniform(1, 1 + JITTER)
        since = core.deliveries.settle(taken, DeliveryState.PENDING, attempt, pause)
    else:
        since = core.deliveries.settle(taken, DeliveryState.FAILED, attempt)
    if answer.status == GONE:
        _disable(core, hook, "It answered 410 Gone.")
    elif since is not None and since < (answer.started_at - timedelta(days=FAILING_DAYS)).timestamp():
        began = datetime.fromtimestamp(since, UTC)
        _disable(core, hook, f"Every attempt since {began:%Y-%m-%d %H:%M} UTC has failed.")


def _disable(core: Core, hook: Hook, reason: str) -> None:
    logger.warning("%s is disabled: %s", hook.id, reason)
    off = {"enabled": False, "disabled_reason": reason}
    core.hooks.change(hook.tenant, hook.id, lambda found: found.model_copy(update=off))
    core.deliveries.rest(hook.tenant, hook.id)
