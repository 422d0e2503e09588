"""Messages that are due to webhooks, in Redis: in line until a receiver has taken them, then kept for a while.

Every change is one atomic script; see `scripts/`. A message is taken for a while by whoever sends it; if that process
is killed it is in line again, and its receiver may get it twice, with the same id.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from redis import Redis

from service.core.foundation import redis_keys
from service.core.foundation.errors import invalid
from service.core.foundation.scripts import register

MESSAGES_KEPT = 200
"""Newest messages of a webhook that are kept once they are sent or given up."""
ATTEMPTS_KEPT = 20
"""Newest attempts of a message that are kept."""
BATCH = 100

SCRIPTS = ("again", "put", "settle", "take")


CURSOR = re.compile(r"msg_[0-9a-z]{26}")
"""A page begins behind a message."""


@dataclass(frozen=True)
class Message:
    """An event for one webhook of a tenant; `body` is what is sent, JSON."""

    tenant: str
    hook: str
    id: str
    type: str
    body: str


@dataclass(frozen=True)
class Taken:
    """A message that is this process's to send for a while: the attempt of this number, and the `tries`th in turn."""

    tenant: str
    hook: str
    id: str
    number: int
    tries: int
    body: str


@dataclass(frozen=True)
class DeliveryRecord:
    """A message as Redis holds it; `fields` is the whole hash."""

    id: str
    fields: Mapping[str, str]

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """The newest attempts, oldest first: fields of `DeliveryAttempt`."""
        numbers = sorted(int(name.partition(":")[2]) for name in self.fields if name.startswith("attempt:"))
        return [{"number": number, **json.loads(self.fields[f"attempt:{number}"])} for number in numbers]


class Deliveries:
    """The lines of all webhooks. Raises what Redis raises when it does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts = {name: register(redis, __package__, "prelude", name) for name in SCRIPTS}

    def put(self, messages: Sequence[Message], about_job: str = "") -> None:
        """Put messages in line. Those about a job are its only ones: nothing is added for it a second time."""
        written = json.dumps([asdict(message) for message in messages])
        self._scripts["put"](args=[about_job, written, MESSAGES_KEPT])

    def take(self, milliseconds: int) -> Taken | None:
        """Take the message whose turn it is for so long; None when none is due. One at a time of each webhook."""
        answer = self._scripts["take"](args=[milliseconds])
        return None if answer is None else Taken(*answer)

    def settle(
        self, taken: Taken, state: str, attempt: Mapping[str, Any], pause: float | None = None, well: bool = False
    ) -> float | None:
        """Note how an attempt has ended; in state `pending` the next one is due in `pause` seconds.

        Returns since when (seconds since 1970) the webhook answers no more as it should; None where it does, and where
        the attempt counts no more.
        """
        milliseconds, written = round((pause or 0) * 1000), json.dumps(attempt)
        named = (taken.tenant, taken.hook, taken.id, taken.number)
        kept = (ATTEMPTS_KEPT, MESSAGES_KEPT)
        since = self._scripts["settle"](args=[*named, state, milliseconds, written, *kept, int(well)])
        return int(since) / 1000 if since else None

    def again(self, tenant: str, hook: str, message: str) -> bool:
        """Put a message in line once more; False when it is not kept any longer."""
        return bool(self._scripts["again"](args=[tenant, hook, message]))

    def rest(self, tenant: str, hook: str) -> None:
        """Let a webhook have no turn until `wake`; what is in line stays there."""
        self._redis.zrem(redis_keys.WEBHOOK_TURNS, f"{tenant} {hook}")

    def wake(self, tenant: str, hook: str) -> None:
        """Let a webhook have its turn at once; what it failed before is forgotten."""
        pipeline = self._redis.pipeline()
        pipeline.delete(redis_keys.webhook_failing(hook), redis_keys.webhook_held(hook))
        pipeline.zadd(redis_keys.WEBHOOK_TURNS, {f"{tenant} {hook}": 0})
        pipeline.execute()

    def failing_since(self, hooks: Sequence[str]) -> list[float | None]:
        """Return since when (seconds since 1970) webhooks fail, None for one that does not."""
        answers = self._redis.mget([redis_keys.webhook_failing(hook) for hook in hooks]) if hooks else []
        return [None if since is None else int(since) / 1000 for since in answers]

    def find(self, hook: str, message: str) -> DeliveryRecord | None:
        """Return a message of a webhook, None where it is not kept."""
        return next((record for _, record in self._load(hook, [message])), None)

    def page(self, hook: str, cursor: str | None, limit: int) -> tuple[list[DeliveryRecord], str | None]:
        """Return a page of the messages of a webhook, newest first, and the cursor of the next one.

        Raises ServiceError INVALID_REQUEST naming `query.cursor`.
        """
        if cursor is not None and not CURSOR.fullmatch(cursor):
            raise invalid("query.cursor", "is_cursor", cursor, "cursor must be the next_cursor of an earlier page")
        log, end = redis_keys.webhook_log(hook), f"({cursor}" if cursor else "+"
        messages = [str(each) for each in self._redis.zrevrangebylex(log, end, "-", start=0, num=limit + 1)]
        shown = messages[:limit]
        records = [record for _, record in self._load(hook, shown)]
        return records, shown[-1] if len(messages) > limit else None

    def _load(self, hook: str, messages: Sequence[str]) -> list[tuple[str, DeliveryRecord]]:
        pipeline = self._redis.pipeline(transaction=False)
        for message in messages:
            pipeline.hgetall(redis_keys.webhook_message(hook, message))
        answers = zip(messages, pipeline.execute(), strict=True)
        return [(message, DeliveryRecord(message, fields)) for message, fields in answers if fields]

    def forget(self, tenant: str, hook: str) -> None:
        """Remove all that there is of a webhook that is gone."""
        self.rest(tenant, hook)
        line, log = redis_keys.webhook_line(hook), redis_keys.webhook_log(hook)
        self._redis.delete(line, redis_keys.webhook_held(hook), redis_keys.webhook_failing(hook))
        while messages := [str(message) for message in self._redis.zrange(log, 0, BATCH - 1)]:
            self._redis.delete(*(redis_keys.webhook_message(hook, message) for message in messages))
            self._redis.zrem(log, *messages)
