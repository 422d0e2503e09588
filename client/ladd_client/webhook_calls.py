"""The calls of `LaddClient` that are about webhooks."""

from collections.abc import Iterator, Sequence

from api_schemas.webhooks import (
    Delivery,
    DeliveryPage,
    Webhook,
    WebhookChange,
    WebhookList,
    WebhookRequest,
    WebhookWithSecret,
)
from ladd_client.transport import Transport, parsed

PATH = "/v1/webhooks"


class WebhookCalls:
    """Webhooks: URLs that the service calls. `ladd_client.webhooks.verify` is for their receiver."""

    _transport: Transport

    def create_webhook(
        self, url: str, events: Sequence[str] = ("job.*", "dataset.*"), description: str = ""
    ) -> WebhookWithSecret:
        """Have `url` called at these events. `secret` of the answer signs the messages, and is shown this once."""
        request = WebhookRequest.model_validate({"url": url, "events": list(events), "description": description})
        body = request.model_dump(mode="json")
        return parsed(WebhookWithSecret, self._transport.request("POST", PATH, repeatable=False, json=body))

    def webhooks(self) -> list[Webhook]:
        """Every webhook, oldest first."""
        return parsed(WebhookList, self._transport.request("GET", PATH, repeatable=True)).items

    def webhook(self, webhook_id: str) -> Webhook:
        """One webhook."""
        return parsed(Webhook, self._transport.request("GET", f"{PATH}/{webhook_id}", repeatable=True))

    def change_webhook(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change what is given; with `enabled` one that was disabled gets what waited for it."""
        given = {"url": url, "events": events and list(events), "description": description, "enabled": enabled}
        body = WebhookChange.model_validate(given).model_dump(mode="json", exclude_none=True)
        return parsed(Webhook, self._transport.request("PATCH", f"{PATH}/{webhook_id}", repeatable=True, json=body))

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook with its deliveries."""
        self._transport.request("DELETE", f"{PATH}/{webhook_id}", repeatable=True)

    def rotate_webhook_secret(self, webhook_id: str) -> WebhookWithSecret:
        """Replace its secret; the one before signs for 24 hours more. `secret` of the answer is shown this once."""
        answer = self._transport.request("POST", f"{PATH}/{webhook_id}/rotate-secret", repeatable=False)
        return parsed(WebhookWithSecret, answer)

    def test_webhook(self, webhook_id: str) -> Delivery:
        """Have a message of type `webhook.test` sent; `webhook_delivery` tells whether it was taken."""
        return parsed(Delivery, self._transport.request("POST", f"{PATH}/{webhook_id}/test", repeatable=False))

    def webhook_deliveries(self, webhook_id: str) -> Iterator[Delivery]:
        """Every message to a webhook that is kept, newest first."""
        cursor: str | None = ""
        while cursor is not None:
            query = {"cursor": cursor} if cursor else {}
            answer = self._transport.request("GET", f"{PATH}/{webhook_id}/deliveries", repeatable=True, params=query)
            page = parsed(DeliveryPage, answer)
            yield from page.items
            cursor = page.next_cursor

    def webhook_delivery(self, webhook_id: str, message_id: str) -> Delivery:
        """One message to a webhook."""
        url = f"{PATH}/{webhook_id}/deliveries/{message_id}"
        return parsed(Delivery, self._transport.request("GET", url, repeatable=True))

    def redeliver(self, webhook_id: str, message_id: str) -> Delivery:
        """Have a message sent again, under the id that it had."""
        url = f"{PATH}/{webhook_id}/deliveries/{message_id}/redeliver"
        return parsed(Delivery, self._transport.request("POST", url, repeatable=True))
