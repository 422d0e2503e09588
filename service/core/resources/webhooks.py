"""Webhooks, for the routes: make, show, change, delete, test, and what was sent.

A webhook is its tenant's alone: a handle that sees every tenant's jobs sees no other one's webhooks.
"""

import json
from datetime import UTC, datetime
from typing import Any

from api_schemas.problems import ErrorCode
from api_schemas.webhooks import (
    Delivery,
    DeliveryAttempt,
    DeliveryLinks,
    DeliveryPage,
    DeliveryState,
    Subject,
    SubjectLinks,
    Webhook,
    WebhookChange,
    WebhookLinks,
    WebhookList,
    WebhookPayload,
    WebhookRequest,
    WebhookWithSecret,
)
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, existing, invalid
from service.core.foundation.ids import new_id
from service.core.lifecycle import repeats
from service.core.lifecycle.quotas import MINUTE, Quota, QuotaExceededError
from service.core.queue.records import timestamp
from service.core.webhooks.addresses import UnreachableError, looked_up, parsed
from service.core.webhooks.deliveries import DeliveryRecord, Message
from service.core.webhooks.hooks import Hook, SigningSecret, new_secret

TEST = "webhook.test"
"""The event that a webhook gets when it is tested, whatever it was asked for."""


async def check_url(core: Core, url: str) -> None:
    """Raise ServiceError INVALID_REQUEST naming `body.url` for one that would not be called."""
    try:
        await looked_up(parsed(url), core.settings.webhook_networks)
    except UnreachableError as error:
        raise invalid("body.url", "is_webhook_url", url, f"webhooks do not lead to this URL: {error}") from None


def create(core: Core, request: WebhookRequest, key: str | None = None) -> WebhookWithSecret:
    """Make a webhook, whose URL was checked, with its secret; a `key` that came before gives it without.

    Raises QuotaExceededError, and ServiceError IDEMPOTENCY_KEY_REUSED.
    """
    asked = repeats.asked(core, key, ["webhook", request.model_dump(mode="json")])
    if (made := repeats.made_before(core, asked)) is not None:
        return _with_secret(core, _get(core, made), shown=False)
    hook = Hook(
        id=new_id("wh"),
        tenant=core.tenant,
        url=request.url,
        events=request.events,
        description=request.description,
        secrets=[SigningSecret(secret=new_secret())],
        created_at=datetime.now(UTC),
    )
    limit = core.settings.quota_webhooks
    if not core.hooks.create(hook, limit):
        message = f"You have {limit} webhooks already: delete one first."
        raise QuotaExceededError(Quota("webhooks", limit, MINUTE), message)
    if (first := repeats.note(core, asked, hook.id)) != hook.id:
        # An equal request at the same time was first.
        delete(core, hook.id)
        return _with_secret(core, _get(core, first), shown=False)
    return _with_secret(core, hook)


def every(core: Core) -> WebhookList:
    """Return all webhooks, oldest first."""
    hooks = core.hooks.of(core.tenant)
    failing = core.deliveries.failing_since([hook.id for hook in hooks])
    return WebhookList(items=[Webhook(**_fields(hook, since)) for hook, since in zip(hooks, failing, strict=True)])


def view(core: Core, hook_id: str) -> Webhook:
    """Return a webhook. Raises ServiceError NOT_FOUND."""
    return _shown(core, _get(core, hook_id))


def change(core: Core, hook_id: str, wanted: WebhookChange) -> Webhook:
    """Change a webhook; one that is enabled again gets what waited for it. Raises ServiceError NOT_FOUND."""
    given = wanted.model_dump(exclude_none=True)
    if wanted.enabled is not None:
        given["disabled_reason"] = None
    hook = core.hooks.change(core.tenant, hook_id, lambda found: found.model_copy(update=given))
    if wanted.enabled:
        core.deliveries.wake(core.tenant, hook_id)
    return _shown(core, hook)


def rotate_secret(core: Core, hook_id: str, key: str | None = None) -> WebhookWithSecret:
    """Give a webhook a new secret; for a day messages are signed with the one before as well.

    A `key` that came before changes and shows nothing. Raises ServiceError NOT_FOUND or IDEMPOTENCY_KEY_REUSED.
    """
    asked = repeats.asked(core, key, ["rotate-secret", hook_id])
    if repeats.made_before(core, asked) is not None:
        return _with_secret(core, _get(core, hook_id), shown=False)
    now = datetime.now(UTC)
    changed = core.hooks.change(core.tenant, hook_id, lambda found: found.with_new_secret(now))
    repeats.note(core, asked, hook_id)
    return _with_secret(core, changed)


def delete(core: Core, hook_id: str) -> None:
    """Remove a webhook and all that was sent to it, or was to be. Raises ServiceError NOT_FOUND."""
    _get(core, hook_id)
    core.hooks.remove(core.tenant, hook_id)
    core.deliveries.forget(core.tenant, hook_id)


def test(core: Core, hook_id: str, key: str | None = None) -> Delivery:
    """Put a message without meaning in line; a `key` that came before gives the message that it made.

    Raises ServiceError NOT_FOUND, WEBHOOK_DISABLED or IDEMPOTENCY_KEY_REUSED.
    """
    asked = repeats.asked(core, key, ["test", hook_id])
    if (made := repeats.made_before(core, asked)) is not None:
        return delivery(core, hook_id, made)
    hook = _enabled(core, hook_id)
    about = Subject(id=hook_id, kind="webhook", state="enabled", links=SubjectLinks(self=_path(hook_id)))
    payload = WebhookPayload(type=TEST, timestamp=datetime.now(UTC), data=about)
    message = Message(core.tenant, hook.id, new_id("msg"), TEST, payload.model_dump_json())
    core.deliveries.put([message])
    repeats.note(core, asked, message.id)
    return delivery(core, hook_id, message.id)


def deliveries(core: Core, hook_id: str, cursor: str | None, limit: int) -> DeliveryPage:
    """Return the newest messages after `cursor`. Raises ServiceError NOT_FOUND, INVALID_REQUEST for `query.cursor`."""
    _get(core, hook_id)
    records, next_cursor = core.deliveries.page(hook_id, cursor, limit)
    return DeliveryPage(items=[_delivery(hook_id, record) for record in records], next_cursor=next_cursor)


def delivery(core: Core, hook_id: str, message_id: str) -> Delivery:
    """Return a message. Raises ServiceError NOT_FOUND."""
    _get(core, hook_id)
    return _delivery(hook_id, existing(core.deliveries.find(hook_id, message_id), "delivery", message_id))


def redeliver(core: Core, hook_id: str, message_id: str, key: str | None = None) -> Delivery:
    """Put a message in line once more, under its id; a `key` that came before does not again.

    Raises ServiceError NOT_FOUND, WEBHOOK_DISABLED or IDEMPOTENCY_KEY_REUSED.
    """
    asked = repeats.asked(core, key, ["redeliver", hook_id, message_id])
    if repeats.made_before(core, asked) is None:
        _enabled(core, hook_id)
        core.deliveries.again(core.tenant, hook_id, message_id)
        repeats.note(core, asked, message_id)
    return delivery(core, hook_id, message_id)


def _get(core: Core, hook_id: str) -> Hook:
    return existing(core.hooks.find(core.tenant, hook_id), "webhook", hook_id)


def _enabled(core: Core, hook_id: str) -> Hook:
    hook = _get(core, hook_id)
    if not hook.enabled:
        message = f"{hook_id} is disabled: enable it first, PATCH with enabled: true."
        raise ServiceError(ErrorCode.WEBHOOK_DISABLED, message)
    return hook


def _shown(core: Core, hook: Hook) -> Webhook:
    [since] = core.deliveries.failing_since([hook.id])
    return Webhook(**_fields(hook, since))


def _with_secret(core: Core, hook: Hook, *, shown: bool = True) -> WebhookWithSecret:
    return WebhookWithSecret(**dict(_shown(core, hook)), secret=hook.secrets[0].secret if shown else None)


def _fields(hook: Hook, failing_since: float | None) -> dict[str, Any]:
    here = _path(hook.id)
    return {
        **hook.model_dump(exclude={"schema_version", "tenant", "secrets"}),
        "failing_since": None if failing_since is None else datetime.fromtimestamp(failing_since, UTC),
        "links": WebhookLinks(self=here, deliveries=f"{here}/deliveries"),
    }


def _delivery(hook_id: str, record: DeliveryRecord) -> Delivery:
    fields, here = record.fields, f"{_path(hook_id)}/deliveries/{record.id}"
    return Delivery(
        id=record.id,
        type=fields["type"],
        state=DeliveryState(fields["state"]),
        created_at=timestamp(fields["created"]),
        next_attempt_at=timestamp(fields.get("due")),
        attempts=[DeliveryAttempt.model_validate(attempt) for attempt in record.attempts],
        payload=json.loads(fields["body"]),
        links=DeliveryLinks(self=here, redeliver=f"{here}/redeliver"),
    )


def _path(hook_id: str) -> str:
    return f"/v1/webhooks/{hook_id}"
