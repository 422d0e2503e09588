"""Pins: datasets, labelers and jobs that retention leaves alone. The truth is `pins/<id>.json`, Redis indexes it."""

from collections.abc import Sequence

from service.core.clients import Core
from service.core.foundation import redis_keys

FOLDER = "pins/"


def pin(core: Core, identifier: str) -> None:
    """Keep a dataset, labeler or job however old it is. Idempotent."""
    core.storage.put_json(_key(identifier), {"schema_version": 1})
    core.redis.sadd(redis_keys.PINNED, identifier)


def unpin(core: Core, identifier: str) -> None:
    """Let retention remove it again, or note that it is gone. Idempotent."""
    if core.redis.srem(redis_keys.PINNED, identifier):
        core.storage.delete(_key(identifier))


def pinned(core: Core, identifiers: Sequence[str]) -> set[str]:
    """Return those of the ids that are pinned; one call to Redis."""
    if not identifiers:
        return set()
    answers = core.redis.smismember(redis_keys.PINNED, list(identifiers))
    return {identifier for identifier, answer in zip(identifiers, answers, strict=True) if answer}


def restore(core: Core) -> None:
    """Put back what Redis has lost of the pins."""
    found = [key.removeprefix(FOLDER).removesuffix(".json") for key in core.storage.list_keys(FOLDER)]
    if found:
        core.redis.sadd(redis_keys.PINNED, *found)


def _key(identifier: str) -> str:
    return f"{FOLDER}{identifier}.json"
