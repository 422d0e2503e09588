"""A page of a list: which entries match is asked of the index in small steps, never of each record."""

import heapq
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from redis import Redis

from service.core.foundation import redis_keys
from service.core.foundation.errors import invalid
from service.core.foundation.ids import milliseconds_of
from service.core.foundation.listing import Asked, Listing, words

CHUNK = 500
"""Entries that one command reads or looks up: 0.3 ms of Redis."""

FEW = 2000
"""Entries with a word up to which all are read, to be put in order; of a word in more, other entries are walked."""

SEARCH_SECONDS = 0.02
"""How long a page is searched for before it says how far it came. One chunk is looked at in any case."""

_LAST = "\U0010ffff"
"""Sorts behind every text that an entry holds."""

_CURSOR = re.compile(r"([0-9]{1,12}\.[0-9]{3,6}\.)?[a-z]{2,3}_[0-9a-z]{26}")


@dataclass(frozen=True)
class Found:
    """One page."""

    ids: list[str]
    next_cursor: str | None
    complete: bool
    """Whether the page ends where it is full, or at the end of the list; else the search took too long: it goes on at
    the cursor."""


def search(redis: Redis, listing: Listing, asked: Asked, cursor: str | None, limit: int) -> Found:
    """Return the ids of up to `limit` entries after the cursor.

    A page stays where it is while newer entries arrive and others go. Raises ServiceError INVALID_REQUEST naming
    `query.cursor`.
    """
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise invalid("query.cursor", "is_cursor", cursor, "cursor must be the next_cursor of an earlier page")
    walked = (_Indexed if redis.exists(redis_keys.LISTED) else _Unlisted)(redis, listing, asked)
    found: list[tuple[str, str]] = []
    position, until = cursor, time.monotonic() + SEARCH_SECONDS
    for chunk in walked.chunks(cursor, limit):
        for position, matches in chunk:
            if matches and (not found or found[-1][0] != position):
                found.append((position, _id(position)))
            if len(found) > limit:
                return Found([id for _, id in found[:limit]], found[limit - 1][0], True)
        if time.monotonic() > until:
            return Found([id for _, id in found], position, False)
    return Found([id for _, id in found], None, True)


Chunk = Sequence[tuple[str, bool]]
"""Positions in the list, newest first, and whether what is there matches."""


@dataclass(frozen=True)
class _Indexed:
    """A walk through the entries of one facet, the rarest that was asked for."""

    redis: Redis
    listing: Listing
    asked: Asked

    def chunks(self, cursor: str | None, limit: int) -> Iterator[Chunk]:
        facets, named = self.asked.facets or [""], words(self.asked.name)
        counts = self._counts([*facets, *(f"word={word}" for word in named)], cursor)
        totals = {facet: sum(by_state.values()) for facet, by_state in counts.items()}
        if not all(totals.values()):
            return
        rarest = min(facets, key=totals.__getitem__)
        rarest_word = min(named, key=lambda word: totals[f"word={word}"], default=None)
        if rarest_word is not None and totals[f"word={rarest_word}"] <= min(FEW, totals[rarest]):
            candidates = self._with_word(rarest_word, cursor)
            rest, left = [facet for facet in facets if facet], [word for word in named if word != rarest_word]
            at_once = CHUNK
        else:
            states = [state for state, count in counts[rarest].items() if count]
            rest, left = [facet for facet in facets if facet != rarest], named
            at_once = CHUNK if rest or left else min(limit + 1, CHUNK)
            walks = [self._with_facet(state, rarest, cursor, at_once) for state in states]
            candidates = heapq.merge(*walks, reverse=True)
        while chunk := list(islice(candidates, at_once)):
            yield self._looked_up(chunk, rest, left)

    @property
    def _index(self) -> str:
        return redis_keys.index(self.listing.key)

    @property
    def _states(self) -> Sequence[str]:
        """Return the states in the order that entries go through them: one that moves on while they are read, one
        after the other, is met twice rather than not at all."""
        return [state for state in self.listing.states if not self.asked.states or state in self.asked.states]

    def _bounds(self, cursor: str | None) -> tuple[str, str]:
        """Return the first member that may be shown, and the first one that may not."""
        after, before = self.asked.created_after, self.asked.created_before
        ends = [] if before is None else [f"{max(before.timestamp(), 0):.6f}"]
        ends += [] if cursor is None else [_dated(cursor)]
        return ("0" if after is None else f"{max(after.timestamp(), 0):.6f}"), min(ends, default=_LAST)

    def _counts(self, facets: Iterable[str], cursor: str | None) -> dict[str, dict[str, int]]:
        """Return {facet: {state: how many entries}}; of words, of which any that begins so counts, at any time."""
        low, high = self._bounds(cursor)
        pipeline = self.redis.pipeline(transaction=False)
        asked = [(facet, state) for facet in facets for state in self._states]
        for facet, state in asked:
            if facet.startswith("word="):
                pipeline.zlexcount(self._index, f"[{state} {facet}", f"({state} {facet}{_LAST}")
            else:
                pipeline.zlexcount(self._index, f"[{state} {facet} {low}", f"({state} {facet} {high}")
        counts: dict[str, dict[str, int]] = {}
        for (facet, state), count in zip(asked, pipeline.execute(), strict=True):
            counts.setdefault(facet, {})[state] = count
        return counts

    def _with_facet(self, state: str, facet: str, cursor: str | None, at_once: int) -> Iterator[tuple[str, str]]:
        """Yield (member, state), newest first."""
        low, high = (f"{state} {facet} {bound}" for bound in self._bounds(cursor))
        for entry in self._read(low, high, at_once):
            yield entry.rpartition(" ")[2], state

    def _with_word(self, word: str, cursor: str | None) -> Iterator[tuple[str, str]]:
        low, high = self._bounds(cursor)
        found = {
            (entry.rpartition(" ")[2], state)
            for state in self._states
            for entry in self._read(f"{state} word={word}", f"{state} word={word}{_LAST}", CHUNK)
        }
        return iter(sorted(((member, state) for member, state in found if low <= member < high), reverse=True))

    def _read(self, low: str, high: str, at_once: int) -> Iterator[str]:
        """Yield the entries from the last one before `high` down to `low`."""
        while True:
            entries = self.redis.zrevrangebylex(self._index, f"({high}", f"[{low}", start=0, num=at_once)
            yield from map(str, entries)
            if len(entries) < at_once:
                return
            high = str(entries[-1])

    def _looked_up(self, chunk: Sequence[tuple[str, str]], facets: Sequence[str], named: Sequence[str]) -> Chunk:
        """Tell of each candidate whether it has all facets and words."""
        fits = [True] * len(chunk)
        for facet in facets:
            scores = self.redis.zmscore(self._index, [f"{state} {facet} {member}" for member, state in chunk])
            fits = [before and score is not None for before, score in zip(fits, scores, strict=True)]
        if named:
            pipeline = self.redis.pipeline(transaction=False)
            places = [place for place, fit in enumerate(fits) if fit]
            for place in places:
                pipeline.hget(self.listing.record(_id(chunk[place][0])), "facets")
            for place, text in zip(places, pipeline.execute(), strict=True):
                fits[place] = all(f" word={word}" in f" {text}" for word in named)
        return [(member, fit) for (member, _), fit in zip(chunk, fits, strict=True)]


@dataclass(frozen=True)
class _Unlisted:
    """A walk through everything, for as long as what an earlier version wrote is not all in the index."""

    redis: Redis
    listing: Listing
    asked: Asked

    def chunks(self, cursor: str | None, limit: int) -> Iterator[Chunk]:
        newest = self.redis.zrevrangebylex(self.listing.key, "+", "-", start=0, num=1)
        dated = bool(newest) and "." in str(newest[0])
        end = "+"
        if cursor is not None:
            made, id = _dated(cursor).rpartition(".")[::2]
            end = f"({float(made):.3f}.{id}" if dated else f"({id}"
        while members := [str(each) for each in self.redis.zrevrangebylex(self.listing.key, end, "-", 0, 100)]:
            entries = {entry.id: entry for entry in self.listing.load([_id(member) for member in members])}
            yield [
                (member, (entry := entries.get(_id(member))) is not None and entry.matches(self.asked))
                for member in members
            ]
            end = f"({members[-1]}"


def _id(member: str) -> str:
    return member.rpartition(".")[2]


def _dated(cursor: str) -> str:
    """Return a cursor as a member of the index: one of an earlier version is an id alone, which tells its time."""
    return cursor if "." in cursor else f"{milliseconds_of(cursor) / 1000:.6f}.{cursor}"
