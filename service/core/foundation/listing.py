"""Lists, newest first, by an index: which entries match is asked of Redis in small steps, never of each record.

The index of a list is one sorted set of texts `<state> <facet> <member>`, all with one score, so that they stand in the
order of their bytes: all entries of a state and a facet lie beside each other, by time. `scripts/index.lua` writes
them in the step that changes what they tell (decision 30).
"""

import heapq
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from urllib.parse import quote

from redis import Redis

from service.core.foundation import redis_keys
from service.core.foundation.errors import invalid
from service.core.foundation.ids import milliseconds_of
from service.core.foundation.redis_keys import Pattern

CHUNK = 500
"""Entries that one command reads or looks up: 0.3 ms of Redis (one AMD EPYC core)."""

FEW = 2000
"""Entries with a word up to which all are read, to be put in order; of a word in more, other entries are walked."""

SEARCH_SECONDS = 0.02
"""How long a page is searched for before it says how far it came. One chunk is looked at in any case."""

_LAST = "\U0010ffff"
"""Sorts behind every text that an entry holds."""

_CURSOR = re.compile(r"([0-9]{1,12}\.[0-9]{3,6}\.)?[a-z]{2,3}_[0-9a-z]{26}")


def facet(name: str, value: str) -> str:
    """Return the facet of everything whose `name` is `value`: a text without blanks."""
    return f"{name}={quote(value, safe=':')}"


def words(name: str) -> list[str]:
    """Return the words that a name is found by, in small letters, each once."""
    return list(dict.fromkeys(re.findall(r"[^\W_]+", name.casefold())))


def facets_of(facts: Mapping[str, str | None], tags: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return the facets of an entry: of its facts, its tags and each word of its name."""
    told = [facet(fact, value) for fact, value in facts.items() if value is not None]
    return (*told, *tag_facets(tags), *(f"word={word}" for word in words(name)))


def tag_facets(tags: Mapping[str, str]) -> list[str]:
    """Return the facets of tags."""
    return [facet("tag", f"{key}:{value}") for key, value in tags.items()]


@dataclass(frozen=True)
class Asked:
    """The entries that a list is to show: those with one of `states` and all the rest."""

    states: Sequence[str] = ()
    """None: any."""
    facets: Sequence[str] = ()
    name: str = ""
    """Each of its words begins a word of the entry's name."""
    created_after: datetime | None = None
    """This moment included."""
    created_before: datetime | None = None
    """This moment excluded."""

    def also(self, states: Sequence[str] = (), tags: Mapping[str, str] | None = None, **facts: str | None) -> "Asked":
        """Return the same, narrowed to these states, tags and facts."""
        told = [facet(fact, value) for fact, value in facts.items() if value is not None]
        facets = [*self.facets, *told, *tag_facets(tags or {})]
        return replace(self, states=tuple(dict.fromkeys(states)) or self.states, facets=facets)


EVERYTHING = Asked()


@dataclass(frozen=True)
class Entry:
    """One job, dataset or labeler as the index has it."""

    id: str
    created: float
    """Seconds since 1970."""
    state: str
    facets: Sequence[str]

    @property
    def fields(self) -> dict[str, str]:
        """The fields of its record that `scripts/index.lua` reads, besides the state."""
        return {"member": f"{self.created:.6f}.{self.id}", "facets": " ".join(self.facets)}

    def matches(self, asked: Asked) -> bool:
        """Tell whether a list shows the entry."""
        after, before = asked.created_after, asked.created_before
        return (
            (not asked.states or self.state in asked.states)
            and set(asked.facets) <= set(self.facets)
            and all(any(own.startswith(f"word={word}") for own in self.facets) for word in words(asked.name))
            and (after is None or self.created >= after.timestamp())
            and (before is None or self.created < before.timestamp())
        )


@dataclass(frozen=True)
class Listing:
    """One list as a viewer sees it."""

    key: str
    """Sorted set of all that it lists, in which the index need not be complete."""
    record: Pattern
    """Key of the record of an id."""
    states: Sequence[str]
    """All that there are; a list without states has the empty one."""
    load: Callable[[Sequence[str]], Sequence[Entry]]
    """Reads entries off the records of some ids, leaving out what is gone or another's."""


@dataclass(frozen=True)
class Found:
    """One page."""

    ids: list[str]
    next_cursor: str | None
    complete: bool
    """Whether the page ends where it is full, or at the end of the list; else the search took too long: it goes on at
    the cursor."""


def walk(redis: Redis, listing: str) -> Iterator[list[str]]:
    """Yield all members of a sorted set of one score, the last ones first, in lists that keep nobody waiting."""
    end = "+"
    while members := [str(member) for member in redis.zrevrangebylex(listing, end, "-", start=0, num=CHUNK)]:
        yield members
        end = f"({members[-1]}"


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
            if matches:
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
        else:
            states = [state for state, count in counts[rarest].items() if count]
            rest, left = [facet for facet in facets if facet != rarest], named
            at_once = CHUNK if rest or left else min(limit + 1, CHUNK)
            walks = [self._with_facet(state, rarest, cursor, at_once) for state in states]
            candidates = heapq.merge(*walks, reverse=True)
        while chunk := list(islice(candidates, CHUNK)):
            yield self._looked_up(chunk, rest, left)

    @property
    def _index(self) -> str:
        return redis_keys.index(self.listing.key)

    @property
    def _states(self) -> Sequence[str]:
        return self.asked.states or self.listing.states

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
            time, id = _dated(cursor).rpartition(".")[::2]
            end = f"({float(time):.3f}.{id}" if dated else f"({id}"
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
