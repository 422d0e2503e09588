"""Reads the Lua scripts by which Redis changes jobs, manifests and blobs atomically (Redis 6.2 commands).

They lie in the folders `scripts/` of the rooms whose records they change.
"""

from importlib import resources

from redis import Redis
from redis.commands.core import Script


def register(redis: Redis, room: str, *names: str) -> Script:
    """Return a script ready to be called: the named files of a room (its package), one after the other."""
    folder = resources.files(room) / "scripts"
    return redis.register_script("".join((folder / f"{name}.lua").read_text() for name in names))
