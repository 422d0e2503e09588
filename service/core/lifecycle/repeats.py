"""Requests that may come twice: a tenant's `Idempotency-Key` stands for one request, and for what that has made.

`scripts/submit.lua` remembers the key of what starts a job together with the job; `note` that of anything else.
"""

import hashlib
from dataclasses import dataclass

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.kinds.train_labeler import canonical
from service.core.queue.store import IDEMPOTENCY_SECONDS


@dataclass(frozen=True)
class KeyedRequest:
    """A request as it is remembered."""

    key: str
    """Digest of tenant and key; empty: it came without one, and nothing is remembered."""
    digest: str
    """Digest of all that tells the request from others."""


UNKEYED = KeyedRequest("", "")
"""A request without a key."""


def asked(core: Core, key: str | None, what: object) -> KeyedRequest:
    """Return the request of the core's tenant for `what`: all that it says, as JSON can tell it."""
    return KeyedRequest("" if key is None else _sha256(f"{core.tenant} {key}"), _sha256(canonical(what)))


def made_before(core: Core, asked: KeyedRequest) -> str | None:
    """Return the id of what an earlier request with the key has made, None when there was none.

    Raises ServiceError IDEMPOTENCY_KEY_REUSED when that was another request.
    """
    known = core.store.known(asked.key) if asked.key else None
    return None if known is None else _stands(asked, *known)


def note(core: Core, asked: KeyedRequest, made: str) -> str:
    """Remember what the request has made, and return the id that its key stands for.

    That is another one where an equal request came at the same time. Raises what `made_before` raises.
    """
    if not asked.key:
        return made
    return _stands(asked, *core.store.remember(asked.key, asked.digest, made, IDEMPOTENCY_SECONDS))


def key_reused(made: str) -> ServiceError:
    """Return the refusal of a key that came with another request before, which has made something else."""
    message = f"This Idempotency-Key came with another request before, which made {made}: send this one with another."
    return ServiceError(ErrorCode.IDEMPOTENCY_KEY_REUSED, message)


def _stands(asked: KeyedRequest, digest: str, made: str) -> str:
    if digest != asked.digest:
        raise key_reused(made)
    return made


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
