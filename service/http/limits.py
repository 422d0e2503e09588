"""Bounds the size of request bodies, and the pauses in them, before anything reads them."""

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_JSON_BYTES = 1024 * 1024
# Boundaries, part headers and the metadata part, on top of the files.
FORM_OVERHEAD_BYTES = 2 * 1024 * 1024
IDLE_SECONDS = 60


class BodyLimitMiddleware:
    """Refuses a body larger than `limit(scope)` bytes when it is first read, by its declared and by its real size.

    Refuses one that stops arriving for `IDLE_SECONDS`, too. Raises `HTTPException` 413 and 408 out of `receive`, so
    that a route that never reads the body answers as usual.
    """

    def __init__(self, app: ASGIApp, limit: Callable[[Scope], int]) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request with a bounded body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.limit(scope)
        declared = int(Headers(scope=scope).get("Content-Length", "0"))
        received, more = 0, True

        async def bounded_receive() -> Message:
            nonlocal received, more
            _check(declared, limit)
            message = await _received(receive) if more else await receive()
            more = message.get("more_body", False)
            received += len(message.get("body", b""))
            _check(received, limit)
            return message

        await self.app(scope, bounded_receive, send)


async def _received(receive: Receive) -> Message:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            return await receive()
    except TimeoutError as error:
        raise HTTPException(408, f"Nothing of the body arrived for {IDLE_SECONDS} seconds.") from error


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise HTTPException(413, f"The body has {size} bytes or more; at most {limit} are accepted here.")
