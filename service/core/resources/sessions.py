"""Sessions of browsers: 256 random bits each, of which only the SHA-256 is stored, with the key that let it in."""

import hashlib
import hmac
import secrets

from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.resources.api_keys import ApiKey

SECONDS = 12 * 3600
"""A session ends after so long, and before that with its key."""
RANDOM_BYTES = 32


def begin(core: Core, key: ApiKey) -> str:
    """Store a session of this key and return its token, which is not to be had again."""
    token = secrets.token_urlsafe(RANDOM_BYTES)
    core.redis.set(redis_keys.session(_digest(token)), key.sha256, ex=SECONDS)
    return token


def key_digest(core: Core, token: str) -> str | None:
    """Return the digest of the key of a session; None for one that has ended or never was."""
    found = core.redis.get(redis_keys.session(_digest(token)))
    return None if found is None else str(found)


def end(core: Core, token: str) -> None:
    """Forget a session."""
    core.redis.delete(redis_keys.session(_digest(token)))


def form_token(token: str) -> str:
    """Return what a page of the session sends with a change, which pages of other sites cannot read."""
    return hmac.new(token.encode(), b"change", hashlib.sha256).hexdigest()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
