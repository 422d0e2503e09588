"""Accept, If-None-Match and Prefer."""

import pytest

from service.http.negotiation import etag_matches, preferred_type, wait_seconds

OFFERS = ("text/event-stream", "application/json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "text/event-stream"),
        ("", "text/event-stream"),
        ("*/*", "text/event-stream"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/event-stream"),
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        ("application/*", "application/json"),
        ("text/event-stream;q=0.1, application/json;q=0.2", "application/json"),
        ("text/event-stream;q=0, */*", "application/json"),
        ("image/png", None),
        ("application/json;q=0", None),
        ("application/json;q=nonsense", None),
    ],
)
def test_preferred_type(accept: str | None, chosen: str | None) -> None:
    assert preferred_type(accept, OFFERS) == chosen


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None),
        ("", None),
        ("wait=10", 10),
        ("respond-async, wait=10", 10),
        ('Wait = "7"; foo=bar', 7),
        ("wait=100000", 60),
        ("wait=0", 0),
        ("wait=-1", None),
        ("wait=soon", None),
        ("await=10", None),
    ],
)
def test_wait_seconds(prefer: str | None, seconds: int | None) -> None:
    assert wait_seconds(prefer) == seconds


def test_etag_matches_in_every_form_of_the_header() -> None:
    etag = '"a"'
    for header in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        assert etag_matches(header, etag)
    assert not etag_matches(None, etag)
    for other in ("", '"other"', etag.strip('"')):
        assert not etag_matches(other, etag)
