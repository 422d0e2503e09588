"""API keys: 256 random bits each, of which only the SHA-256 is stored.

The truth is `keys/<id>.json` in the object storage; Redis indexes it by digest. A fast hash is enough, since nobody can
try out 2^256 keys; slow hashes are for passwords, which people choose, and would cost every request their time.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from api_schemas.base import Name, Timestamp
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import existing
from service.core.foundation.ids import new_id
from service.core.objects.storage import Storage

FOLDER = "keys/"

PREFIX = "ladd_"
"""How every key begins, so that scanners for leaked secrets, and our own logs, know one."""

RANDOM_BYTES = 32


class Scope(StrEnum):
    """A right of a key; one does not include another, but `admin` includes both others."""

    READ = "read"
    """Look at everything of its tenant."""
    WRITE = "write"
    """Upload, start, cancel and delete for its tenant."""
    ADMIN = "admin"
    """Look at, cancel and delete what any tenant has."""


class ApiKey(BaseModel):
    """`keys/<id>.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    id: str
    name: Name
    tenant: str
    scopes: list[Scope]
    sha256: str
    created_at: Timestamp
    revoked_at: Timestamp | None = None
    """A revoked key is kept: were the last one to vanish, a front on loopback would let everybody in again."""

    def allows(self, scope: Scope) -> bool:
        """Tell whether the key has a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def create(core: Core, tenant: str, name: str, scopes: Collection[Scope]) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which is not to be had again."""
    secret = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    key = ApiKey(
        id=new_id("key"),
        name=name,
        tenant=tenant,
        scopes=sorted(scopes),
        sha256=digest_of(secret),
        created_at=datetime.now(UTC),
    )
    _store(core, key)
    return key, secret


def seen_by_no_key(core: Core, tenant: str) -> dict[str, int]:
    """Return {what: how many} a tenant has that has no key which is active; empty where it has one, or nothing."""
    if any(key.tenant == tenant and key.revoked_at is None for key in stored(core.storage)):
        return {}
    listings = {"datasets": redis_keys.DATASETS, "labelers": redis_keys.LABELERS, "jobs": redis_keys.JOBS}
    counts = {what: core.redis.zcard(redis_keys.own_listing(listing, tenant)) for what, listing in listings.items()}
    return {what: count for what, count in counts.items() if count}


def revoke(core: Core, key_id: str) -> ApiKey:
    """Make a key useless and return it; one that is revoked already stays as it is. Raises ServiceError NOT_FOUND."""
    key = ApiKey.model_validate(existing(core.storage.get_json(_path(key_id)), "key", key_id))
    if key.revoked_at is None:
        key = key.model_copy(update={"revoked_at": datetime.now(UTC)})
    # Written in any case: an earlier call may have got no further than the storage.
    _store(core, key)
    return key


def stored(storage: Storage) -> list[ApiKey]:
    """Return every key there ever was, oldest first, out of the object storage."""
    documents = [storage.get_json(path) for path in storage.list_keys(FOLDER)]
    return [ApiKey.model_validate(document) for document in documents if document is not None]


def restore(core: Core) -> int:
    """Put into Redis what it has lost, and return how many keys that were.

    What it has is never replaced: a key may be revoked while its older document is read here.
    """
    return sum(
        core.redis.hsetnx(redis_keys.API_KEYS, key.sha256, key.model_dump_json()) for key in stored(core.storage)
    )


def indexed(core: Core) -> dict[str, ApiKey]:
    """Return every key that Redis knows, by its digest."""
    found = map(ApiKey.model_validate_json, core.redis.hvals(redis_keys.API_KEYS))
    return {key.sha256: key for key in found}


def digest_of(secret: str) -> str:
    """Return what is stored of a key: its SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _store(core: Core, key: ApiKey) -> None:
    core.storage.put_json(_path(key.id), key.model_dump(mode="json"))
    core.redis.hset(redis_keys.API_KEYS, key.sha256, key.model_dump_json())
    # Fronts notice that Redis has lost all keys, not that it lacks some.
    restore(core)


def _path(key_id: str) -> str:
    return f"{FOLDER}{key_id}.json"
