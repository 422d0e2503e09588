"""Addresses of further pages."""

from urllib.parse import urlencode

from starlette.requests import Request


def further(request: Request, next_cursor: str | None) -> str | None:
    """Return the address of the page behind the one that is asked for, its filters kept; None behind the last."""
    if next_cursor is None:
        return None
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"?{urlencode([*kept, ('cursor', next_cursor)])}"
