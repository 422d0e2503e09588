"""The handle that front and workers share: settings and the clients made from them."""

from dataclasses import dataclass

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from service.core.blobs import Blobs
from service.core.catalogue import Catalogue
from service.core.dispatch import Dispatcher
from service.core.settings import Settings
from service.core.storage import Storage
from service.core.store import JobStore


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

    def close(self) -> None:
        """Close every connection."""
        self.dispatcher.close()
        self.storage.close()
        self.redis.close()


def open_core(settings: Settings) -> Core:
    """Build the clients. Nothing is connected before it is used."""
    redis = Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_connect_timeout=5,
        socket_timeout=15,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
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
    )
