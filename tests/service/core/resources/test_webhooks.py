"""To a tenant, and to a handle that sees all jobs, another tenant's webhooks do not exist."""

from typing import Any

from api_schemas.problems import ErrorCode
from api_schemas.webhooks import WebhookChange, WebhookEvent, WebhookRequest
from service.core.clients import Core
from service.core.resources import webhooks

REQUEST = WebhookRequest(url="https://hooks.example/x", events=[WebhookEvent.JOB_ANY])


def test_another_tenants_webhooks_are_not_there(core: Core, refused: Any) -> None:
    ours = core.acting_for("ours")
    hook = webhooks.create(ours, REQUEST).id
    message = webhooks.test(ours, hook).id
    for theirs in (core.acting_for("theirs"), core.acting_for("theirs", sees_all=True)):
        own = webhooks.create(theirs, REQUEST).id
        refusals: list[tuple[Any, ...]] = [
            (webhooks.view, hook),
            (webhooks.change, hook, WebhookChange(enabled=False)),
            (webhooks.rotate_secret, hook),
            (webhooks.delete, hook),
            (webhooks.test, hook),
            (webhooks.deliveries, hook, None, 10),
            (webhooks.delivery, hook, message),
            (webhooks.delivery, own, message),
            (webhooks.redeliver, hook, message),
            (webhooks.redeliver, own, message),
        ]
        for action, *args in refusals:
            with refused(ErrorCode.NOT_FOUND):
                action(theirs, *args)
        assert own in [found.id for found in webhooks.every(theirs).items]
        assert hook not in [found.id for found in webhooks.every(theirs).items]
    assert [found.id for found in webhooks.every(ours).items] == [hook]
    assert webhooks.view(ours, hook).enabled


def test_what_is_deleted_leaves_nothing(core: Core, refused: Any) -> None:
    hook = webhooks.create(core, REQUEST).id
    webhooks.test(core, hook)
    webhooks.delete(core, hook)
    assert core.redis.keys("ladd:webhook*") == []
    assert core.storage.list_keys("webhooks/") == []
    with refused(ErrorCode.NOT_FOUND):
        webhooks.view(core, hook)


def test_one_that_is_enabled_again_gets_what_waited(core: Core, refused: Any) -> None:
    hook = webhooks.create(core, REQUEST).id
    message = webhooks.test(core, hook).id
    off = webhooks.change(core, hook, WebhookChange(enabled=False))
    assert (off.enabled, off.disabled_reason) == (False, None)
    core.deliveries.rest("default", hook)
    refusals: list[tuple[Any, ...]] = [(webhooks.test, hook), (webhooks.redeliver, hook, message)]
    for action, *args in refusals:
        with refused(ErrorCode.WEBHOOK_DISABLED):
            action(core, *args)
    webhooks.change(core, hook, WebhookChange(description="again"))
    assert core.deliveries.take(1000) is None
    webhooks.change(core, hook, WebhookChange(enabled=True))
    taken = core.deliveries.take(1000)
    assert taken is not None
    assert taken.id == message
