"""Webhooks of tenants: the truth is `webhooks/<id>.json` in the object storage; Redis indexes them by tenant.

A message is signed with the secret itself, so that is stored, in both places, and shown to nobody a second time.
"""

import base64
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from redis import Redis

from api_schemas.base import Timestamp
from api_schemas.signatures import PREFIX
from api_schemas.webhooks import covers
from service.core.foundation import redis_keys
from service.core.foundation.errors import existing
from service.core.objects.storage import Storage

FOLDER = "webhooks/"

SECRET_BYTES = 32
"""Standard Webhooks asks for 24 to 64."""

OLD_SECRET_HOURS = 24
"""How long messages are signed with a replaced secret as well, so that its receiver has time to take up the new one."""


class SigningSecret(BaseModel):
    """`whsec_...`, and until when it signs; None: without an end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret: str = Field(repr=False)
    expires_at: Timestamp | None = None


class Hook(BaseModel):
    """`webhooks/<id>.json`. What a later version notes besides is left out: it must not keep a job from its end."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: Literal[1] = 1
    id: str
    tenant: str
    url: str = Field(repr=False)
    """May hold a password of the receiver's: it stands in no log."""
    events: list[str]
    description: str
    secrets: list[SigningSecret]
    """The newest first."""
    enabled: bool = True
    disabled_reason: str | None = None
    created_at: Timestamp

    def wants(self, event: str) -> bool:
        """Tell whether an event is to be sent to it."""
        return self.enabled and any(covers(asked, event) for asked in self.events)

    def signing(self, now: datetime) -> list[str]:
        """Return the secrets that messages are signed with."""
        return [each.secret for each in self.secrets if each.expires_at is None or each.expires_at > now]

    def with_new_secret(self, now: datetime) -> "Hook":
        """Return it with a secret in front of the one before; those of earlier times end now."""
        before = SigningSecret(secret=self.secrets[0].secret, expires_at=now + timedelta(hours=OLD_SECRET_HOURS))
        return self.model_copy(update={"secrets": [SigningSecret(secret=new_secret()), before]})


def new_secret() -> str:
    """Return a random secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


class Hooks:
    """The webhooks of each tenant. Raises what Redis and the storage raise when they do not answer."""

    def __init__(self, redis: Redis, storage: Storage) -> None:
        self._redis = redis
        self._storage = storage

    def of(self, tenant: str) -> list[Hook]:
        """Return all webhooks of a tenant, oldest first."""
        found = map(Hook.model_validate_json, self._redis.hvals(redis_keys.webhooks(tenant)))
        return sorted(found, key=lambda hook: hook.id)

    def find(self, tenant: str, hook_id: str) -> Hook | None:
        """Return a webhook, None when the tenant has none of this id."""
        document = self._redis.hget(redis_keys.webhooks(tenant), hook_id)
        return None if document is None else Hook.model_validate_json(document)

    def create(self, hook: Hook, limit: int) -> bool:
        """Store a new webhook; False when its tenant would have more than `limit`."""

        def store(pipeline: Any) -> bool:
            if pipeline.hlen(redis_keys.webhooks(hook.tenant)) >= limit:
                return False
            self._write(pipeline, hook)
            return True

        created = bool(self._change(hook.tenant, store))
        if not created:
            # Of a race that it lost at first.
            self._storage.delete(_path(hook.id))
        return created

    def change(self, tenant: str, hook_id: str, changed: Callable[[Hook], Hook]) -> Hook:
        """Replace a webhook by what is made of it, and return that. Raises ServiceError NOT_FOUND."""

        def store(pipeline: Any) -> Hook:
            document = existing(pipeline.hget(redis_keys.webhooks(tenant), hook_id), "webhook", hook_id)
            hook = changed(Hook.model_validate_json(document))
            self._write(pipeline, hook)
            return hook

        hook: Hook = self._change(tenant, store)
        return hook

    def _change(self, tenant: str, store: Callable[[Any], Any]) -> Any:
        """Run `store` until nobody else has changed the tenant's webhooks meanwhile."""
        return self._redis.transaction(store, redis_keys.webhooks(tenant), value_from_callable=True)

    def _write(self, pipeline: Any, hook: Hook) -> None:
        # First where it lasts. Who loses a race writes again, and so last: the storage has what Redis has.
        self._storage.put_json(_path(hook.id), hook.model_dump(mode="json"))
        pipeline.multi()
        pipeline.hset(redis_keys.webhooks(hook.tenant), hook.id, hook.model_dump_json())

    def remove(self, tenant: str, hook_id: str) -> None:
        """Remove a webhook of a tenant."""
        # Without its document it does not come back when the index is rebuilt.
        self._storage.delete(_path(hook_id))
        self._redis.hdel(redis_keys.webhooks(tenant), hook_id)

    def restore(self) -> int:
        """Put into Redis what it has lost, and return how many webhooks that were. What it has is not replaced."""
        documents = [self._storage.get_json(path) for path in self._storage.list_keys(FOLDER)]
        hooks = [Hook.model_validate(document) for document in documents if document is not None]
        return sum(
            self._redis.hsetnx(redis_keys.webhooks(hook.tenant), hook.id, hook.model_dump_json()) for hook in hooks
        )


def _path(hook_id: str) -> str:
    return f"{FOLDER}{hook_id}.json"
