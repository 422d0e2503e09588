"""RFC 9110 content negotiation and conditional requests, and RFC 7240 `Prefer: wait`."""

import re
from collections.abc import Sequence

MAX_WAIT_SECONDS = 60

_WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])', re.IGNORECASE)


def preferred_type(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the media type of `offers` that `accept` weighs highest (ties: the earlier offer), or None."""
    if not accept:
        return offers[0]
    weights = dict(_weighted(entry) for entry in accept.split(","))

    def weight(offer: str) -> float:
        ranges = (offer, f"{offer.partition('/')[0]}/*", "*/*")
        return next((weights[range_] for range_ in ranges if range_ in weights), 0.0)

    best = max(offers, key=weight)
    return best if weight(best) > 0 else None


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller already has `etag` (weak comparison, as RFC 9110 section 13.1.2 asks)."""
    if if_none_match is None:
        return False
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or etag in known


def wait_seconds(prefer: str | None) -> int | None:
    """Return how long the caller would wait (`Prefer: wait=N`, at most `MAX_WAIT_SECONDS`), None when not asked."""
    asked = _WAIT.search(prefer or "")
    return min(int(asked[1]), MAX_WAIT_SECONDS) if asked else None


def _weighted(entry: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip().lower() for part in entry.split(";"))
    quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
    return media_type, float(quality) if re.fullmatch(r"[01](\.\d{0,3})?", quality) else 0.0
