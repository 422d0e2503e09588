"""The Lua scripts by which Redis changes jobs, datasets and blobs atomically (Redis 6.2 commands)."""

from importlib import resources

from redis import Redis
from redis.commands.core import Script


def register(redis: Redis, name: str) -> Script:
    """Return a script ready to be called."""
    return redis.register_script(_read(name))


def register_with_index(redis: Redis, name: str) -> Script:
    """Return a script that puts a manifest into the index."""
    return redis.register_script(_read("index") + _read(name))


def register_for_jobs(redis: Redis, name: str) -> Script:
    """Return a script about one job, which index and prelude go before."""
    return redis.register_script(_read("index") + _read("prelude") + _read(name))


def _read(name: str) -> str:
    return (resources.files(__name__) / f"{name}.lua").read_text()
