"""Health tells which of the things behind the front answers."""

from contextlib import closing

from service.core.clients import Core, open_core
from service.core.foundation import redis_keys
from service.core.foundation.settings import Settings
from service.core.objects.storage import PROBE
from service.core.upkeep import health, reaper


def test_all_is_well_once_a_reaper_has_looked(core: Core) -> None:
    before = health.check(core)
    assert before.status == "unavailable"
    assert {name for name, answer in before.checks.items() if answer != "ok"} == {"reaper"}
    reaper.reap_once(core)
    after = health.check(core)
    assert (after.status, after.checks) == ("ok", {"redis": "ok", "s3": "ok", "reaper": "ok"})
    assert core.storage.list_keys("health/") == []
    core.redis.set(redis_keys.REAPER, 1)
    assert health.check(core).status == "unavailable"


def test_a_check_that_was_killed_leaves_nothing_for_long(core: Core) -> None:
    core.storage.put_json(PROBE, {})
    health.check(core)
    assert core.storage.list_keys("health/") == []


def test_an_outage_is_told_and_not_raised(settings: Settings) -> None:
    gone = {"redis_url": "redis://127.0.0.1:9/0", "s3_endpoint_url": "http://127.0.0.1:9"}
    with closing(open_core(settings.model_copy(update=gone))) as core:
        readiness = health.check(core)
    assert readiness.status == "unavailable"
    assert all(answer != "ok" for answer in readiness.checks.values())
