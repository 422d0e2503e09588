"""The handle that front and workers share: settings and the clients made from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError
from redis.retry import Retry

from api_schemas.job_parts import Creator
from service.core.catalogue.catalogue import Catalogue
from service.core.foundation.settings import Settings
from service.core.foundation.tenants import DEFAULT
from service.core.objects.blobs import Blobs
from service.core.objects.storage import Storage
from service.core.queue.dispatch import Dispatcher
from service.core.queue.store import JobStore
from service.core.webhooks.deliveries import Deliveries
from service.core.webhooks.hooks import Hooks

CONNECTIONS: Mapping[str, Any] = {
    "decode_responses": True,
    "socket_connect_timeout": 5,
    "socket_timeout": 10,
    "health_check_interval": 30,
}
# Not after a timeout: a server that is there and silent would hold a caller for as many times as long.
RETRIES = 3
BACKOFF = ExponentialBackoff(cap=0.5, base=0.05)


@dataclass(frozen=True)
class Core:
    """Everything a function of the core needs; safe to share between threads, not across a fork."""

    settings: Settings
    redis: Redis
    storage: Storage
    blobs: Blobs
    catalogue: Catalogue
    store: JobStore
    dispatcher: Dispatcher
    hooks: Hooks
    deliveries: Deliveries
    tenant: str = DEFAULT
    """Owner of all that is made through this handle. It sees everything, unless `acting_for` says otherwise."""
    creator: Creator | None = None
    """The key that jobs are made with."""

    def acting_for(self, tenant: str, sees_all: bool = False, creator: Creator | None = None) -> "Core":
        """Return a handle on the same clients that makes things for a tenant and, if not `sees_all`, sees only its own.

        Everything another tenant has is to such a handle as if it did not exist.
        """
        viewer = None if sees_all else tenant
        catalogue, store = self.catalogue.seen_by(viewer), self.store.seen_by(viewer)
        return replace(self, tenant=tenant, creator=creator, catalogue=catalogue, store=store)

    def close(self) -> None:
        """Close every connection."""
        self.dispatcher.close()
        self.storage.close()
        self.redis.close()


def open_core(settings: Settings) -> Core:
    """Build the clients. Nothing is connected before it is used."""
    redis = Redis.from_url(
        settings.redis_url,
        retry=Retry(BACKOFF, RETRIES, supported_errors=(ConnectionError,)),
        **CONNECTIONS,
        **settings.redis_tls,
    )
    storage = Storage(settings)
    return Core(
        settings=settings,
        redis=redis,
        storage=storage,
        blobs=Blobs(redis, storage),
        catalogue=Catalogue(redis, storage),
        store=JobStore(redis, settings.events_kept),
        dispatcher=Dispatcher(settings, redis),
        hooks=Hooks(redis, storage),
        deliveries=Deliveries(redis),
    )


def open_async_redis(settings: Settings) -> AsyncRedis:
    """Return a client for one event loop, which asks as that of `Core` does. Nothing is connected before it is used."""
    retry = AsyncRetry(BACKOFF, RETRIES, supported_errors=(ConnectionError,))
    client: AsyncRedis = AsyncRedis.from_url(settings.redis_url, retry=retry, **CONNECTIONS, **settings.redis_tls)
    return client
