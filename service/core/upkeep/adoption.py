"""Has lists show what an earlier version of the service wrote, and writes while it still runs beside this one.

Until everything has been listed once, lists are searched record by record (`listing.py`): nothing is missing from them.
"""

import json
from collections.abc import Sequence

from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.listing import Listing
from service.core.foundation.locks import held_alone
from service.core.foundation.scripts import register
from service.core.queue.store import milliseconds

ROOM = "service.core.queue"
"""Where the scripts lie."""

LOCK_SECONDS = 600
"""A hundred thousand jobs are listed in a minute or two."""

CHUNK = 100
"""Records that one script compares with the lists: 1 ms of Redis where each has to be listed again."""

CHUNKS_AT_ONCE = 20
"""Of every list that are looked at again in one go, besides the newest entries: of 120,000 jobs all in five minutes."""


def list_when_due(core: Core) -> None:
    """Compare lists with records unless another process has, within the pause between two looks of the reaper."""
    if core.redis.set(redis_keys.COMPARED, 1, nx=True, px=milliseconds(core.settings.reaper_seconds)):
        with held_alone(core.redis, redis_keys.LISTING_LOCK, LOCK_SECONDS) as alone:
            if alone:
                list_what_is_not(core)


def list_what_is_not(core: Core) -> None:
    """List everything, once; later look at the newest of each list, and further at a part of the rest.

    What a worker or front of an earlier version changes is listed as it was until then.
    """
    listings = (core.store.listing, core.catalogue.dataset_listing, core.catalogue.labeler_listing)
    if not core.redis.exists(redis_keys.LISTED):
        for listing in listings:
            end = "+"
            while end:
                end = _mend(core, listing, end)
        core.redis.set(redis_keys.LISTED, 1)
        return
    for listing in listings:
        _mend(core, listing, "+")
        end = str(core.redis.hget(redis_keys.MENDED, listing.key) or "+")
        for _ in range(CHUNKS_AT_ONCE):
            end = _mend(core, listing, end) or "+"
            if end == "+":
                break
        core.redis.hset(redis_keys.MENDED, listing.key, end)


def _mend(core: Core, listing: Listing, end: str) -> str:
    """List what is not among the members before `end`; return the end to go on from, empty where there are no more."""
    script = register(core.redis, ROOM, "index", "mend")
    last, *unlisted = script(args=[listing.key, listing.record(""), end, CHUNK])
    if unlisted:
        _adopt(core, listing, [str(member).rpartition(".")[2] for member in unlisted])
    return f"({last}" if last else ""


def _adopt(core: Core, listing: Listing, ids: Sequence[str]) -> None:
    script = register(core.redis, ROOM, "index", "adopt")
    pipeline = core.redis.pipeline(transaction=False)
    for entry in listing.load(ids):
        script(args=[listing.record(entry.id), listing.key, json.dumps(entry.fields)], client=pipeline)
    pipeline.execute()
