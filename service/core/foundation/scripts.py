"""Reads the Lua scripts by which Redis changes jobs, manifests and blobs atomically (Redis 6.2 commands).

They lie in the folders `scripts/` of the rooms whose records they change.
"""

from importlib import resources

from redis import Redis
from redis.commands.core import Script

from service.core.foundation import redis_keys


def register(redis: Redis, room: str, *names: str, prelude: str = "") -> Script:
    """Return a script ready to be called: the named files of a room (its package), one after the other.

    Before them stand the table `keys`, see `redis_keys.lua`, and what else the room has them know.
    """
    folder = resources.files(room) / "scripts"
    script = "".join((folder / f"{name}.lua").read_text() for name in names)
    return redis.register_script(redis_keys.lua(script) + prelude + script)
