"""Health tells which of the things behind the front answers, and what else keeps jobs from their end."""

from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import version
from typing import Any

import pytest

from service.core.clients import Core, open_core
from service.core.foundation import redis_keys
from service.core.foundation.settings import Settings
from service.core.objects.storage import PROBE
from service.core.queue import workers
from service.core.queue.workers import Sign
from service.core.upkeep import health, reaper

ALL = ("redis", "s3", "redis_memory", "reaper", "workers", "queues")


def troubles(core: Core) -> dict[str, str]:
    return {name: answer for name, answer in health.check(core).checks.items() if answer != "ok"}


def sign_of_life(core: Core, host: str, **told: Any) -> None:
    workers.beat(core.redis, host, Sign(**{"queues": {"cpu": 1}, **told}))


@pytest.fixture
def configured(core: Core) -> Iterator[Callable[[str, str], None]]:
    """Change the server's configuration until the end of the test."""
    before: dict[str, str] = {}

    def change(name: str, value: str) -> None:
        before[name] = str(core.redis.config_get(name)[name])
        core.redis.config_set(name, value)

    yield change
    for name, value in before.items():
        core.redis.config_set(name, value)


def test_all_is_well_once_a_reaper_has_looked(core: Core) -> None:
    assert health.check(core).status == "degraded"
    assert set(troubles(core)) == {"reaper"}
    reaper.reap_once(core)
    after = health.check(core)
    assert (after.status, after.checks) == ("ok", dict.fromkeys(ALL, "ok"))
    assert core.storage.list_keys("health/") == []
    core.redis.set(redis_keys.REAPER, 1)
    assert health.check(core).status == "degraded"


def test_it_tells_the_release_and_the_workers_without_their_names(core: Core) -> None:
    sign_of_life(core, "secret-host:1:ab", device="cuda", trouble="the device computes wrong")
    sign_of_life(core, "secret-host:2:ab", queues={"io": 1, "cpu": 2})
    found = health.check(core)
    assert found.version == version("ladd-service")
    assert [(each.device, each.queues, each.trouble) for each in found.workers] == [
        ("cuda", ["cpu"], "the device computes wrong"),
        ("cpu", ["cpu", "io"], None),
    ]
    assert "secret-host" not in "".join(each.model_dump_json() for each in found.workers)


def test_a_check_that_was_killed_leaves_nothing_for_long(core: Core) -> None:
    core.storage.put_json(PROBE, {})
    health.check(core)
    assert core.storage.list_keys("health/") == []


@pytest.mark.parametrize(
    ("away", "told"),
    [("redis", {"redis_url": "redis://127.0.0.1:9/0"}), ("s3", {"s3_endpoint_url": "http://127.0.0.1:9"})],
)
def test_an_outage_is_told_and_not_raised(core: Core, settings: Settings, away: str, told: dict[str, str]) -> None:
    reaper.reap_once(core)
    with closing(open_core(settings.model_copy(update=told))) as cut_off:
        assert health.check(cut_off).status == "unavailable"
        assert set(troubles(cut_off)) == {away}


def test_a_redis_that_may_drop_jobs_is_told(core: Core, configured: Callable[[str, str], None]) -> None:
    reaper.reap_once(core)
    configured("maxmemory-policy", "allkeys-lru")
    assert health.check(core).status == "degraded"
    assert "noeviction" in troubles(core)["redis_memory"]


def test_a_full_redis_is_told_as_full(core: Core, configured: Callable[[str, str], None]) -> None:
    reaper.reap_once(core)
    configured("maxmemory", "1")
    assert health.check(core).status == "degraded"
    assert "is full" in troubles(core)["redis_memory"]


def test_a_worker_that_takes_nothing_is_named_with_its_reason(core: Core) -> None:
    reaper.reap_once(core)
    sign_of_life(core, "good")
    sign_of_life(core, "bad", trouble="there is no such bucket")
    assert health.check(core).status == "degraded"
    assert troubles(core) == {"workers": "bad: there is no such bucket"}
    workers.leave(core.redis, "bad")
    assert troubles(core) == {}


def test_tasks_in_a_queue_that_no_worker_takes_are_told(
    core: Core, submit_graph: Callable[[dict[str, list[str]]], str]
) -> None:
    reaper.reap_once(core)
    job_id = submit_graph({"only": []})
    assert troubles(core) == {"queues": "tasks wait in queue cpu, and no worker takes any from it"}
    sign_of_life(core, "other", queues={"gpu": 1})
    assert set(troubles(core)) == {"queues"}
    sign_of_life(core, "right")
    assert troubles(core) == {}
    workers.leave(core.redis, "right")
    assert core.store.claim(job_id, "only", "worker", 30) == 1
    assert troubles(core) == {}, "nothing waits any more"
