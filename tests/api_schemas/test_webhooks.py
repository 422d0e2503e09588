"""Groups of events cover their own and no others."""

import pytest

from api_schemas.webhooks import covers


@pytest.mark.parametrize(
    ("asked", "event", "told"),
    [
        ("job.*", "job.failed", True),
        ("job.*", "dataset.ready", False),
        ("dataset.*", "dataset.rejected", True),
        ("job.failed", "job.failed", True),
        ("job.failed", "job.succeeded", False),
        ("job.*", "webhook.test", False),
    ],
)
def test_covers(asked: str, event: str, told: bool) -> None:
    assert covers(asked, event) is told
