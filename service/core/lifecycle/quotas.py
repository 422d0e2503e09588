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


@dataclass(frozen=True)
class Quota:
    """A limit that was met."""

    name: str
    limit: int
    retry_seconds: int
    """When it makes sense to try again."""
    window_seconds: int | None = None
    """Span of time that the limit counts within; None: it counts what there is at the moment."""


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
    limit = limits_of_submission(core)[name]
    if name == "queued_jobs":
        return QuotaExceededError(Quota(name, limit, 30), f"{limit} jobs of yours wait already; none more is taken.")
    return QuotaExceededError(
        Quota(name, limit, MINUTE), f"Your datasets and labelers have {limit} bytes, or would have: delete some first."
    )


def admit_upload(core: Core, declared_bytes: int) -> None:
    """Count an upload that is about to begin, of so many bytes as far as is known (else 0).

    Raises QuotaExceededError, so that nobody sends for an hour what will be refused at its end.
    """
    limit = core.settings.quota_stored_bytes
    if limit is not None:
        stored = sum(int(size) for size in core.redis.hvals(redis_keys.stored_bytes(core.tenant)))
        if stored + max(declared_bytes, 1) > limit:
            raise exceeded(core, "stored_bytes")
    per_minute = core.settings.quota_uploads_per_minute
    if per_minute is not None:
        now = int(time.time())
        key = redis_keys.begun_uploads(core.tenant, now // MINUTE)
        pipeline = core.redis.pipeline()
        pipeline.incr(key)
        pipeline.expire(key, 2 * MINUTE)
        begun, _ = pipeline.execute()
        if begun > per_minute:
            quota = Quota("uploads", per_minute, MINUTE - now % MINUTE, MINUTE)
            raise QuotaExceededError(quota, f"You have begun {per_minute} uploads in this minute; no more are taken.")
