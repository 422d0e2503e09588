"""`/v1/webhooks`: have a URL called when jobs end and datasets are ready or rejected."""

from typing import Any

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.problems import ErrorCode
from api_schemas.webhooks import (
    Delivery,
    DeliveryPage,
    MessageId,
    Webhook,
    WebhookChange,
    WebhookId,
    WebhookList,
    WebhookRequest,
    WebhookWithSecret,
)
from service.core.resources import webhooks
from service.http.answers import ACCEPTED, accepted
from service.http.dependencies import CoreDep, Cursor, IdempotencyKey, Limit
from service.http.paging import PAGE, paged
from service.http.problems import KEY_ERRORS, responses
from service.http.routes.jobs import require_json

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

BODY = (ErrorCode.UPLOAD_TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.INVALID_REQUEST)
CREATED: dict[str, Any] = {"headers": {"Location": {"description": "The webhook.", "schema": {"type": "string"}}}}
LINE = {202: ACCEPTED, **responses(ErrorCode.NOT_FOUND, ErrorCode.WEBHOOK_DISABLED, *KEY_ERRORS)}
"""Of routes that put a message in line."""


@router.post(
    "",
    status_code=201,
    dependencies=[Depends(require_json)],
    responses={201: CREATED, **responses(*BODY, ErrorCode.QUOTA_EXCEEDED, *KEY_ERRORS)},
)
async def create_webhook(
    webhook: WebhookRequest, response: Response, core: CoreDep, idempotency_key: IdempotencyKey = None
) -> WebhookWithSecret:
    """Have a URL called when something happens. The answer has the secret that messages are signed with, this once.

    Messages are signed after Standard Webhooks: headers `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    Any answer from 200 to 299 takes a message; 410 disables the webhook; after another, or none, it is sent again, for
    about a day.
    """
    await webhooks.check_url(core, webhook.url)
    created = await run_in_threadpool(webhooks.create, core, webhook, idempotency_key)
    response.headers["Location"] = created.links.self
    return created


@router.get("")
def list_webhooks(core: CoreDep) -> WebhookList:
    """List all webhooks, oldest first."""
    return webhooks.every(core)


@router.get("/{webhook_id}", responses=responses(ErrorCode.NOT_FOUND))
def get_webhook(webhook_id: WebhookId, core: CoreDep) -> Webhook:
    """Show one webhook."""
    return webhooks.view(core, webhook_id)


@router.patch("/{webhook_id}", dependencies=[Depends(require_json)], responses=responses(*BODY, ErrorCode.NOT_FOUND))
async def change_webhook(webhook_id: WebhookId, webhook: WebhookChange, core: CoreDep) -> Webhook:
    """Change a webhook, or disable and enable it. What is left out stays as it is."""
    if webhook.url is not None:
        await webhooks.check_url(core, webhook.url)
    return await run_in_threadpool(webhooks.change, core, webhook_id, webhook)


@router.delete("/{webhook_id}", status_code=204, responses=responses(ErrorCode.NOT_FOUND))
def delete_webhook(webhook_id: WebhookId, core: CoreDep) -> None:
    """Delete a webhook with its deliveries; what was still to be sent is not."""
    webhooks.delete(core, webhook_id)


@router.post("/{webhook_id}/rotate-secret", responses=responses(ErrorCode.NOT_FOUND, *KEY_ERRORS))
def rotate_webhook_secret(
    webhook_id: WebhookId, core: CoreDep, idempotency_key: IdempotencyKey = None
) -> WebhookWithSecret:
    """Replace the secret. For 24 hours messages carry a signature by the one before as well."""
    return webhooks.rotate_secret(core, webhook_id, idempotency_key)


@router.post("/{webhook_id}/test", status_code=202, responses=LINE)
def test_webhook(
    webhook_id: WebhookId, response: Response, core: CoreDep, idempotency_key: IdempotencyKey = None
) -> Delivery:
    """Send a message of type `webhook.test`. `Location` is where to see whether it was taken."""
    delivery = webhooks.test(core, webhook_id, idempotency_key)
    response.headers.update(accepted(delivery.links.self, created=True))
    return delivery


@router.get(
    "/{webhook_id}/deliveries",
    response_model=DeliveryPage,
    responses={**PAGE, **responses(ErrorCode.NOT_FOUND, ErrorCode.INVALID_REQUEST)},
)
def list_deliveries(
    request: Request, webhook_id: WebhookId, core: CoreDep, cursor: Cursor = None, limit: Limit = 20
) -> Response:
    """List what is in line and the newest 200 that were sent or given up, newest first, with every attempt."""
    return paged(request, webhooks.deliveries(core, webhook_id, cursor, limit))


@router.get("/{webhook_id}/deliveries/{message_id}", responses=responses(ErrorCode.NOT_FOUND))
def get_delivery(webhook_id: WebhookId, message_id: MessageId, core: CoreDep) -> Delivery:
    """Show one delivery."""
    return webhooks.delivery(core, webhook_id, message_id)


@router.post("/{webhook_id}/deliveries/{message_id}/redeliver", status_code=202, responses=LINE)
def redeliver(
    webhook_id: WebhookId,
    message_id: MessageId,
    response: Response,
    core: CoreDep,
    idempotency_key: IdempotencyKey = None,
) -> Delivery:
    """Send a message again at once, under the id that it had."""
    delivery = webhooks.redeliver(core, webhook_id, message_id, idempotency_key)
    response.headers.update(accepted(delivery.links.self, created=True))
    return delivery
