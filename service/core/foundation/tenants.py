"""Owners: every dataset, labeler and job has one tenant, and only that tenant sees it."""

import re
from collections.abc import Sequence

from redis import Redis

from service.core.foundation import redis_keys

DEFAULT = "default"
"""Owner of all that is made without a key, and that was made before there were tenants."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Names end up in keys of Redis: no separators, no blanks."""


def sees(viewer: str | None, owner: str | None) -> bool:
    """Tell whether a viewer (None: the service itself, which sees everything) may know of what `owner` has."""
    return viewer is None or viewer == (owner or DEFAULT)


def listing_for(viewer: str | None, listing: str) -> str:
    """Return the key of the sorted set that lists what a viewer sees, out of everything that `listing` lists."""
    return listing if viewer is None else redis_keys.own_listing(listing, viewer)


def adopt(redis: Redis, listings: Sequence[str]) -> None:
    """List what was made before there were tenants for the tenant it belongs to. Without effect after the first time.

    Entries of other tenants are listed as well, which does no harm: readers of a listing look at the owner of each.
    """
    if redis.set(redis_keys.ADOPTED, 1, nx=True):
        for listing in listings:
            own = listing_for(DEFAULT, listing)
            redis.zunionstore(own, [own, listing])
