"""Identifiers: a typed prefix and 26 characters of Crockford's base 32."""

import hashlib
import json
import secrets
import time
from typing import Literal

Prefix = Literal["ds", "lb", "job", "up", "key", "wh", "msg"]

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 26


def new_id(prefix: Prefix) -> str:
    """Return a fresh id such as `ds_01jz...`: 48 bits of milliseconds, then 80 random bits (the ULID layout).

    Ids of one prefix sort by the time they were made.
    """
    return f"{prefix}_{_encode((time.time_ns() // 1_000_000) << 80 | secrets.randbits(80))}"


def milliseconds_of(id: str) -> int:
    """Return when an id was made by `new_id`, in milliseconds since 1970."""
    value = 0
    for letter in id.partition("_")[2]:
        value = value << 5 | max(ALPHABET.find(letter), 0)
    return value >> 80


def derived_id(prefix: Prefix, *parts: str) -> str:
    """Return the id that belongs to these texts: the first 128 bits of their SHA-256, each text told apart."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return f"{prefix}_{_encode(int.from_bytes(digest[:16]))}"


def _encode(value: int) -> str:
    return "".join(ALPHABET[(value >> (5 * place)) & 31] for place in reversed(range(LENGTH)))
