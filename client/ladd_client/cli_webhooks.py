"""`ladd webhooks`: URLs that the service calls when jobs end and datasets are ready or rejected."""

from itertools import islice
from typing import Annotated

import typer

from api_schemas.webhooks import Delivery, WebhookEvent
from ladd_client.session import JsonOption, LimitOption, Session
from ladd_client.stages import minute

webhooks_app = typer.Typer(no_args_is_help=True, help="URLs that the service calls when jobs end.")

WebhookArgument = Annotated[str, typer.Argument(metavar="WEBHOOK")]


@webhooks_app.command("list")
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """List webhooks, oldest first."""
    session: Session = context.obj
    found = session.client.webhooks()
    rows = [
        [hook.id, hook.url, ",".join(hook.events), _state(hook.enabled, hook.disabled_reason), minute(hook.created_at)]
        for hook in found
    ]
    session.answer_list(found, ["webhook", "url", "events", "state", "created"], rows, as_json)


@webhooks_app.command()
def create(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="https://..., where messages are POSTed to.")],
    event: Annotated[
        list[WebhookEvent] | None, typer.Option(help="What to tell of; repeatable. Default: everything.")
    ] = None,
    description: Annotated[str, typer.Option(help="What it is for, in your words.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Have a URL called, and print the secret that messages are signed with, which is shown this once."""
    session: Session = context.obj
    made = session.client.create_webhook(url, event or ("job.*", "dataset.*"), description)
    if not as_json:
        typer.echo(f"{made.id}; its secret is shown this once:", err=True)
    session.answer(made.secret or "", as_json, id=made.id, secret=made.secret)


@webhooks_app.command()
def enable(context: typer.Context, webhook: WebhookArgument, as_json: JsonOption = False) -> None:
    """Start a webhook again that was disabled; it gets what waited for it."""
    context.obj.client.change_webhook(webhook, enabled=True)
    context.obj.answer(f"{webhook} enabled", as_json, id=webhook, enabled=True)


@webhooks_app.command()
def delete(context: typer.Context, webhook: WebhookArgument, as_json: JsonOption = False) -> None:
    """Delete a webhook with its deliveries."""
    context.obj.client.delete_webhook(webhook)
    context.obj.answer(f"{webhook} deleted", as_json, id=webhook, deleted=True)


@webhooks_app.command("rotate-secret")
def rotate_secret(context: typer.Context, webhook: WebhookArgument, as_json: JsonOption = False) -> None:
    """Replace the secret and print the new one; the old one signs for 24 hours more."""
    session: Session = context.obj
    secret = session.client.rotate_webhook_secret(webhook).secret
    session.answer(secret or "", as_json, id=webhook, secret=secret)


@webhooks_app.command("test")
def test_(context: typer.Context, webhook: WebhookArgument, as_json: JsonOption = False) -> None:
    """Have a message of type webhook.test sent; `ladd webhooks deliveries` tells whether it was taken."""
    session: Session = context.obj
    message = session.client.test_webhook(webhook).id
    session.answer(f"{message} is in line", as_json, delivery=message)


@webhooks_app.command()
def deliveries(
    context: typer.Context, webhook: WebhookArgument, limit: LimitOption = 20, as_json: JsonOption = False
) -> None:
    """List what was sent to a webhook, newest first."""
    session: Session = context.obj
    found = list(islice(session.client.webhook_deliveries(webhook), limit))
    rows = [
        [each.id, each.type, each.state, str(len(each.attempts)), _answer(each), minute(each.created_at)]
        for each in found
    ]
    session.answer_list(found, ["delivery", "event", "state", "attempts", "answer", "created"], rows, as_json)


@webhooks_app.command()
def redeliver(
    context: typer.Context,
    webhook: WebhookArgument,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY")],
    as_json: JsonOption = False,
) -> None:
    """Have a message sent again, under the id that it had."""
    session: Session = context.obj
    message = session.client.redeliver(webhook, delivery).id
    session.answer(f"{message} is in line", as_json, delivery=message)


def _state(enabled: bool, reason: str | None) -> str:
    return "enabled" if enabled else f"disabled: {reason}" if reason else "disabled"


def _answer(delivery: Delivery) -> str:
    """The last attempt: its status and the first line of the answer, or why there was none."""
    if not delivery.attempts:
        return "-"
    last = delivery.attempts[-1]
    return last.error or f"{last.status} {(last.answer or '').strip().partition(chr(10))[0][:40]}".strip()
