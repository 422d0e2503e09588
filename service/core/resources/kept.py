"""How long datasets, labelers and jobs are kept, for the routes: pins, and when retention comes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from api_schemas.datasets import Dataset
from api_schemas.jobs import Job
from api_schemas.labelers import Labeler
from service.core.clients import Core
from service.core.lifecycle import pins

Shown = TypeVar("Shown", Dataset, Labeler, Job)


def with_expiry(core: Core, items: Sequence[Shown]) -> list[Shown]:
    """Return what is shown with `pinned` and `expires_at`, of all of it at once."""
    kept = pins.pinned(core, [item.id for item in items])
    return [
        item.model_copy(update={"pinned": item.id in kept, "expires_at": _expiry(core, item, item.id in kept)})
        for item in items
    ]


def set_pin(core: Core, item: Shown, keep: bool) -> Shown:
    """Pin what is shown, or take its pin away; returns it as it is then."""
    if keep:
        pins.pin(core, item.id)
    else:
        pins.unpin(core, item.id)
    return with_expiry(core, [item])[0]


def _expiry(core: Core, item: Dataset | Labeler | Job, is_pinned: bool) -> datetime | None:
    days = core.settings.retention_days
    since = item.finished_at if isinstance(item, Job) else item.created_at
    return None if days is None or is_pinned or since is None else since + timedelta(days=days)
