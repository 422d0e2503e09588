"""Lists of jobs, datasets and labelers: what they are filtered by, and what their index holds of an entry.

The index of a list is one sorted set of texts `<state> <facet> <member>`, all with one score, so that they stand in the
order of their bytes: all entries of a state and a facet lie beside each other, by time. `scripts/index.lua` writes
them in the step that changes what they tell (decision 30); `search.py` reads them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from redis import Redis

from service.core.foundation.redis_keys import Pattern

CHUNK = 500
"""Members that one command reads."""


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


def walk(redis: Redis, listing: str) -> Iterator[list[str]]:
    """Yield all members of a sorted set of one score, the last ones first, in lists that keep nobody waiting."""
    end = "+"
    while members := [str(member) for member in redis.zrevrangebylex(listing, end, "-", start=0, num=CHUNK)]:
        yield members
        end = f"({members[-1]}"
