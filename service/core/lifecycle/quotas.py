"""One tenant's share of what all use; the limits are `Settings.quota_*`.

Jobs that wait and bytes that lie in the storage are checked by `scripts/submit.lua`, tasks that run by
`scripts/claim.lua`, uploads here.
"""

import time
from dataclasses import dataclass

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError

MINUTE = 60
QUEUED_RETRY_SECONDS = 30


@dataclass(frozen=True)
class Quota:
    """A limit that was met."""

    name: str
    limit: int
    retry_seconds: int
    """When it makes sense to try again."""
    window_seconds: int | None = None
    """Span of time that the limit counts within; None: it counts what there is at the moment."""


@dataclass(frozen=True)
class Remainder:
    """How much of a quota a tenant has left."""

    quota: Quota
    remaining: int


class QuotaExceededError(ServiceError):
    """A tenant has as much as it may have. `quota` says of what."""

    def __init__(self, quota: Quota, message: str) -> None:
        super().__init__(ErrorCode.QUOTA_EXCEEDED, message)
        self.quota = quota


def limits_of_submission(core: Core) -> dict[str, int]:
    """Return the limits that the script checks, as it takes them."""
    limits = {"queued_jobs": core.settings.quota_queued_jobs, "stored_bytes": core.settings.quota_stored_bytes}
    return {name: limit for name, limit in limits.items() if limit is not None}


def exceeded(core: Core, name: str) -> QuotaExceededError:
    """Return the refusal of a submission that met one of `limits_of_submission`."""
    quota = _of_submission(core, name)
    if name == "queued_jobs":
        return QuotaExceededError(quota, f"{quota.limit} jobs of yours wait already; none more is taken.")
    message = f"Your datasets and labelers have {quota.limit} bytes, or would have: delete some first."
    return QuotaExceededError(quota, message)


def remainders(core: Core) -> list[Remainder]:
    """Return what the tenant has left of each quota that a request can meet, in a round trip for each."""
    left = []
    for name, limit in limits_of_submission(core).items():
        used = core.redis.scard(redis_keys.queued_jobs(core.tenant)) if name == "queued_jobs" else _stored_bytes(core)
        left.append(Remainder(_of_submission(core, name), max(0, limit - int(used))))
    uploads = _uploads(core)
    if uploads is not None:
        begun = int(core.redis.get(_minute(core)) or 0)
        left.append(Remainder(uploads, max(0, uploads.limit - begun)))
    return left


def _of_submission(core: Core, name: str) -> Quota:
    return Quota(name, limits_of_submission(core)[name], QUEUED_RETRY_SECONDS if name == "queued_jobs" else MINUTE)


def _uploads(core: Core) -> Quota | None:
    limit = core.settings.quota_uploads_per_minute
    return None if limit is None else Quota("uploads", limit, MINUTE - int(time.time()) % MINUTE, MINUTE)


def _minute(core: Core) -> str:
    return redis_keys.begun_uploads(core.tenant, int(time.time()) // MINUTE)


def _stored_bytes(core: Core) -> int:
    return sum(int(size) for size in core.redis.hvals(redis_keys.stored_bytes(core.tenant)))


def admit_upload(core: Core, declared_bytes: int) -> None:
    """Count an upload that is about to begin, of so many bytes as far as is known (else 0).

    Raises QuotaExceededError, so that nobody sends for an hour what will be refused at its end.
    """
    limit = core.settings.quota_stored_bytes
    if limit is not None and _stored_bytes(core) + max(declared_bytes, 1) > limit:
        raise exceeded(core, "stored_bytes")
    quota = _uploads(core)
    if quota is not None:
        key = _minute(core)
        pipeline = core.redis.pipeline()
        pipeline.incr(key)
        pipeline.expire(key, 2 * MINUTE)
        begun, _ = pipeline.execute()
        if begun > quota.limit:
            raise QuotaExceededError(quota, f"You have begun {quota.limit} uploads in this minute; no more are taken.")
