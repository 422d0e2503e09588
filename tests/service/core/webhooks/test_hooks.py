"""Webhooks are stored where they last, apart by tenant, changed by one at a time."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.foundation.errors import ServiceError
from service.core.foundation.ids import new_id
from service.core.objects.storage import Storage
from service.core.webhooks.hooks import Hook, SigningSecret, new_secret


def made(core: Core, tenant: str = "ours", **changed: Any) -> Hook:
    fields: dict[str, Any] = {
        "id": new_id("wh"),
        "tenant": tenant,
        "url": "https://hooks.example/x",
        "events": ["job.*"],
        "description": "",
        "secrets": [SigningSecret(secret=new_secret())],
        "created_at": datetime.now(UTC),
    }
    hook = Hook(**fields | changed)
    assert core.hooks.create(hook, limit=10)
    return hook


def test_a_tenant_has_its_own(core: Core) -> None:
    ours, theirs = made(core), made(core, "theirs")
    assert core.hooks.of("ours") == [ours]
    assert core.hooks.find("theirs", theirs.id) == theirs
    assert core.hooks.find("theirs", ours.id) is None
    with pytest.raises(ServiceError) as caught:
        core.hooks.change("theirs", ours.id, lambda hook: hook)
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_racing_requests_make_no_more_than_the_limit(core: Core) -> None:
    stored: list[bool] = []
    template = made(core)

    def add() -> None:
        stored.append(core.hooks.create(template.model_copy(update={"id": new_id("wh")}), limit=4))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(stored) == 3
    assert len(core.hooks.of("ours")) == 4
    assert len(core.storage.list_keys("webhooks/")) == 4


def test_racing_changes_are_all_made(core: Core) -> None:
    hook = made(core)

    def rename(number: int) -> None:
        core.hooks.change(
            "ours", hook.id, lambda found: found.model_copy(update={"description": f"{found.description}{number}"})
        )

    threads = [threading.Thread(target=rename, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = core.hooks.find("ours", hook.id)
    assert found is not None
    assert sorted(found.description) == list("012345")
    # The storage has what Redis has.
    core.redis.delete(redis_keys.webhooks("ours"))
    assert core.hooks.restore() == 1
    assert core.hooks.find("ours", hook.id) == found


def test_they_come_back_with_their_secrets_after_a_loss_of_redis(core: Core) -> None:
    ours, theirs, deleted = made(core), made(core, "theirs"), made(core)
    core.hooks.remove("ours", deleted.id)
    core.redis.flushall()
    assert core.hooks.restore() == 2
    assert core.hooks.restore() == 0
    assert core.hooks.of("ours") == [ours]
    assert core.hooks.of("theirs") == [theirs]


def test_while_the_storage_is_away_nothing_changes(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = made(core)

    def out(*_: Any, **__: Any) -> None:
        raise ServiceError(ErrorCode.UNAVAILABLE, "out")

    monkeypatch.setattr(Storage, "put_json", out)
    monkeypatch.setattr(Storage, "delete", out)
    for change in (
        lambda: core.hooks.create(hook.model_copy(update={"id": new_id("wh")}), 10),
        lambda: core.hooks.change("ours", hook.id, lambda found: found.model_copy(update={"enabled": False})),
        lambda: core.hooks.remove("ours", hook.id),
    ):
        with pytest.raises(ServiceError, match="out"):
            change()
    assert core.hooks.of("ours") == [hook]


def test_a_replaced_secret_signs_for_a_day(core: Core) -> None:
    hook, now = made(core), datetime.now(UTC)
    first = hook.secrets[0].secret
    hook = hook.with_new_secret(now)
    second = hook.secrets[0].secret
    assert hook.signing(now) == [second, first]
    assert hook.signing(now + timedelta(hours=25)) == [second]
    third = hook.with_new_secret(now)
    assert third.signing(now) == [third.secrets[0].secret, second]


def test_neither_secret_nor_url_is_in_a_repr(core: Core) -> None:
    hook = made(core)
    assert "whsec_" not in repr(hook)
    assert "hooks.example" not in repr(hook)


def test_what_a_later_version_notes_besides_is_no_obstacle(core: Core) -> None:
    hook = made(core)
    later = hook.model_dump(mode="json") | {"colour": "green", "events": ["job.*", "moon.risen"]}
    core.storage.put_json(f"webhooks/{hook.id}.json", later)
    core.redis.flushall()
    assert core.hooks.restore() == 1
    [found] = core.hooks.of("ours")
    assert found.wants("job.failed")
    assert not found.wants("dataset.ready")
