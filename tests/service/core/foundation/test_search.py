"""Lists show what a look at every record would, with the index and without, page by page, and hold nobody up."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from api_schemas.jobs import JobState
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import search as searching
from service.core.foundation.ids import milliseconds_of, new_id
from service.core.foundation.listing import EVERYTHING, Asked
from service.core.foundation.redis_keys import LISTED
from service.core.foundation.search import search
from service.core.queue.records import JobRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATES = (JobState.QUEUED, JobState.SUCCEEDED, JobState.FAILED)
KINDS = ("ladd", "evaluate")
TENANTS = ("ours", "theirs")
NAMES = ("Fashion-MNIST, DM", "fashion_again", "ÜBER fash", "mnist")
TAGS: tuple[dict[str, str], ...] = ({}, {"team": "a b"}, {"team": "a:b%", "run": "1"}, {"run": "1"})
HINTS = ("", "fash", "FASHION mnist", "über", "nist", "dm fashion", "no such word")


@dataclass(frozen=True)
class Made:
    """A job as the test knows it."""

    id: str
    tenant: str
    kind: str
    state: JobState
    name: str
    tags: dict[str, str]
    minute: int

    def is_shown(self, tenant: str | None, asked: dict[str, Any]) -> bool:
        """Say it once more, in another way."""
        own = re.split(r"[\W_]+", self.name.lower())
        return (
            tenant in (None, self.tenant)
            and (not asked["states"] or self.state in asked["states"])
            and asked["kind"] in (None, self.kind)
            and asked["tags"].items() <= self.tags.items()
            and all(any(word.startswith(hint) for word in own) for hint in asked["name"].lower().split())
            and asked["after"] <= self.minute < asked["before"]
        )


@pytest.fixture
def make(core: Core, spec_of: Any) -> Callable[..., Made]:
    """Record a job that is as it is told to be."""

    def record(
        tenant: str = "ours",
        kind: str = "ladd",
        state: JobState = JobState.QUEUED,
        name: str = "mnist",
        tags: dict[str, str] | None = None,
        minute: int = 0,
    ) -> Made:
        job_id, spec = new_id("job"), spec_of({})
        created = str(round((NOW + timedelta(minutes=minute)).timestamp() * 1000))
        told = {"tenant": tenant, "kind": kind, "state": state, "name": name, "created": created}
        spec["fields"] |= told | {"tags": json.dumps(tags or {})}
        spec["fields"] |= JobRecord(job_id, spec["fields"], []).entry.fields
        assert core.store.submit(job_id, spec).outcome == "created"
        return Made(job_id, tenant, kind, state, name, tags or {}, minute)

    return record


def in_asked_words(asked: dict[str, Any]) -> Asked:
    words = Asked(
        name=asked["name"],
        created_after=NOW + timedelta(minutes=asked["after"]),
        created_before=NOW + timedelta(minutes=asked["before"]),
    )
    return words.also(asked["states"], asked["tags"], kind=asked["kind"])


def all_pages(core: Core, asked: Asked, limit: int) -> list[str]:
    """Follow a list to its end."""
    ids: list[str] = []
    cursor: str | None = None
    for _ in range(200):
        page = search(core.redis, core.store.listing, asked, cursor, limit)
        assert len(page.ids) == limit if page.complete and page.next_cursor else len(page.ids) <= limit
        ids, cursor = ids + page.ids, page.next_cursor
        if cursor is None:
            return ids
    raise AssertionError("the list has no end")


JOBS = st.lists(
    st.fixed_dictionaries(
        {
            "tenant": st.sampled_from(TENANTS),
            "kind": st.sampled_from(KINDS),
            "state": st.sampled_from(STATES),
            "name": st.sampled_from(NAMES),
            "tags": st.sampled_from(TAGS),
            "minute": st.integers(0, 5),
        }
    ),
    max_size=12,
)
ASKED = st.fixed_dictionaries(
    {
        "states": st.lists(st.sampled_from(STATES), max_size=3),
        "kind": st.sampled_from([None, *KINDS]),
        "tags": st.sampled_from(TAGS),
        "name": st.sampled_from(HINTS),
        "after": st.integers(0, 3),
        "before": st.integers(2, 6),
    }
)


@pytest.mark.parametrize("few", [0, 2000], ids=["walked by other entries", "read by its word"])
@pytest.mark.parametrize("seconds", [0, 60], ids=["one chunk a page", "as long as it takes"])
def test_lists_are_what_a_look_at_every_record_gives(
    core: Core, make: Callable[..., Made], monkeypatch: pytest.MonkeyPatch, few: int, seconds: int
) -> None:
    monkeypatch.setattr(searching, "FEW", few)
    monkeypatch.setattr(searching, "CHUNK", 3)
    monkeypatch.setattr(searching, "SEARCH_SECONDS", seconds)

    @given(JOBS, st.lists(ASKED, min_size=1, max_size=4), st.integers(1, 4), st.booleans())
    @hypothesis_settings(max_examples=40, deadline=None, derandomize=True, database=None)
    def check(jobs: list[dict[str, Any]], questions: list[dict[str, Any]], limit: int, indexed: bool) -> None:
        core.redis.flushdb()
        made = [make(**job) for job in jobs]
        if indexed:
            core.redis.set(LISTED, 1)
        for tenant in (None, *TENANTS):
            seen = core if tenant is None else core.acting_for(tenant)
            for asked in questions:
                expected = [job for job in made if job.is_shown(tenant, asked)]
                found = all_pages(seen, in_asked_words(asked), limit)
                assert sorted(found) == sorted(job.id for job in expected)
                if indexed:
                    by_time = sorted(expected, key=lambda job: (job.minute, job.id), reverse=True)
                    assert found == [job.id for job in by_time]

    check()


def test_a_state_is_listed_as_it_changes(core: Core, make: Callable[..., Made]) -> None:
    job = make(tags={"run": "1"})
    core.redis.set(LISTED, 1)

    def listed(state: JobState) -> list[str]:
        asked = EVERYTHING.also([state], {"run": "1"}, kind="ladd")
        return search(core.redis, core.store.listing, asked, None, 10).ids

    assert listed(JobState.QUEUED) == [job.id]
    core.store.cancel(job.id)
    assert (listed(JobState.QUEUED), listed(JobState.CANCELED)) == ([], [job.id])
    core.store.done(f"close {job.id}")
    assert core.store.forget(job.id)
    assert listed(JobState.CANCELED) == []
    assert core.redis.keys("ladd:index:*") == []


def test_two_large_facets_without_a_common_entry_take_pages_that_say_so(
    core: Core, make: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "CHUNK", 4)
    monkeypatch.setattr(searching, "SEARCH_SECONDS", 0)
    both = make(kind="evaluate", tags={"run": "1"}, minute=0)
    for minute in range(1, 10):
        make(kind="evaluate", minute=minute)
        make(tags={"run": "1"}, minute=minute)
    core.redis.set(LISTED, 1)
    asked = EVERYTHING.also(tags={"run": "1"}, kind="evaluate")
    first = search(core.redis, core.store.listing, asked, None, 5)
    assert (first.ids, first.complete, first.next_cursor is None) == ([], False, False)
    assert all_pages(core, asked, 5) == [both.id]
    nobodys = EVERYTHING.also(tags={"run": "2"}, kind="evaluate")
    assert search(core.redis, core.store.listing, nobodys, None, 5) == searching.Found([], None, True)


def test_a_page_stays_where_it_is_while_newer_entries_come(core: Core, make: Callable[..., Made]) -> None:
    made = [make(minute=minute) for minute in range(4)]
    core.redis.set(LISTED, 1)
    page = search(core.redis, core.store.listing, EVERYTHING, None, 2)
    make(minute=9)
    core.store.cancel(made[2].id)
    assert search(core.redis, core.store.listing, EVERYTHING, page.next_cursor, 9).ids == [made[1].id, made[0].id]


@pytest.mark.parametrize("indexed", [True, False])
def test_a_cursor_of_an_earlier_version_goes_on(core: Core, make: Callable[..., Made], indexed: bool) -> None:
    since = (datetime.now(UTC) - NOW).total_seconds() / 60
    made = [make(minute=since + step) for step in (-1, 1)]
    if indexed:
        core.redis.set(LISTED, 1)
    assert search(core.redis, core.store.listing, EVERYTHING, made[1].id, 9).ids == [made[0].id]


@pytest.mark.parametrize("cursor", ["yesterday", "1.5", "job_short", "1767225600.000000.job_" + "0" * 25])
def test_a_cursor_that_is_none_is_refused(core: Core, refused: Any, cursor: str) -> None:
    with refused(ErrorCode.INVALID_REQUEST):
        search(core.redis, core.store.listing, EVERYTHING, cursor, 5)


def test_an_id_tells_its_time() -> None:
    before = datetime.now(UTC).timestamp() * 1000
    assert -1 <= milliseconds_of(new_id("job")) - before < 1000
