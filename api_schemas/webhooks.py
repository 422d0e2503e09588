"""Webhooks: the service calls a URL when a job has ended, or an upload was found ready or rejected."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from api_schemas.base import Links, Page, Request, Response, Timestamp

WebhookId = Annotated[str, StringConstraints(pattern=r"^wh_[0-9a-z]{26}$")]
MessageId = Annotated[str, StringConstraints(pattern=r"^msg_[0-9a-z]{26}$")]
WebhookUrl = Annotated[str, StringConstraints(pattern=r"^https?://", max_length=2048)]
Description = Annotated[str, StringConstraints(max_length=200)]


class WebhookEvent(StrEnum):
    """Events that a webhook may be asked for; `job.*` and `dataset.*`: all of them.

    An upload is a job, too: of its end both `job.succeeded` and `dataset.ready` tell.
    """

    JOB_ANY = "job.*"
    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELED = "job.canceled"
    JOB_EXPIRED = "job.expired"
    DATASET_ANY = "dataset.*"
    DATASET_READY = "dataset.ready"
    DATASET_REJECTED = "dataset.rejected"


def covers(asked: str, event: str) -> bool:
    """Tell whether who asks for one of `WebhookEvent` is to hear of an event."""
    return event.startswith(asked.removesuffix("*")) if asked.endswith("*") else event == asked


Events = Annotated[list[WebhookEvent], Field(min_length=1, max_length=len(WebhookEvent))]


class WebhookRequest(Request):
    """Body of `POST /v1/webhooks`."""

    url: WebhookUrl
    events: Events
    description: Description = ""


class WebhookChange(Request):
    """Body of `PATCH /v1/webhooks/{id}`; null: stays as it is."""

    url: WebhookUrl | None = None
    events: Events | None = None
    description: Description | None = None
    enabled: bool | None = None
    """True starts a webhook again that was disabled; what waited for it is then sent."""


class WebhookLinks(Links):
    """Of a webhook."""

    deliveries: str


class Webhook(Response):
    """A webhook as shown; never with its secret."""

    told_apart_by = ("id", "enabled")

    id: str
    url: str
    events: list[WebhookEvent]
    description: str
    enabled: bool
    disabled_reason: str | None
    """The reason why the service has disabled it; null where the caller has."""
    failing_since: Timestamp | None
    """Time since which every attempt has failed."""
    created_at: Timestamp
    links: WebhookLinks


class WebhookWithSecret(Webhook):
    """A webhook as made, or with a new secret, which is shown this once."""

    secret: Annotated[str | None, Field(repr=False)]
    """Null in the answer to a repeated request: where the first answer was lost, rotate the secret."""


class WebhookList(Response):
    """`GET /v1/webhooks`: all of them, oldest first."""

    items: list[Webhook]


class SubjectLinks(Links):
    """`self`: the job or dataset itself. Like all links of the API relative to the service's address."""


class Subject(Response):
    """The job or dataset that an event is about: enough to fetch the rest."""

    id: str
    kind: str
    """Kind of a job, role of a dataset."""
    state: str
    links: SubjectLinks


class WebhookPayload(Response):
    """Body of a message. `type` is one of the events, or `webhook.test`."""

    type: str
    timestamp: Timestamp
    """Time of the event."""
    data: Subject


class DeliveryState(StrEnum):
    """`pending`: to be sent, or sent again; `failed`: no more, unless it is asked for."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DeliveryAttempt(Response):
    """One call of a webhook's URL. Either `status` or `error` is null."""

    number: int
    started_at: Timestamp
    seconds: float
    status: int | None
    """Of the HTTP answer; 200 to 299 ends the delivery."""
    answer: str | None
    """The beginning of its body."""
    error: str | None
    """The reason why there was no answer."""


class DeliveryLinks(Links):
    """Of a delivery."""

    redeliver: str


class Delivery(Response):
    """One message to one webhook, with its newest attempts, oldest first."""

    told_apart_by = ("id", "type", "state")

    id: str
    """The `webhook-id` that it is sent with."""
    type: str
    state: DeliveryState
    created_at: Timestamp
    next_attempt_at: Timestamp | None
    """Null where none is due."""
    attempts: list[DeliveryAttempt]
    payload: dict[str, Any]
    links: DeliveryLinks


class DeliveryPage(Page):
    """`GET /v1/webhooks/{id}/deliveries`, newest first."""

    items: list[Delivery]
