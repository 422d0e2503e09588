"""Bounds the size of request bodies, and the pauses in them, before anything reads them."""

import asyncio
from collections.abc import Callable
from time import monotonic

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_JSON_BYTES = 1024 * 1024
# Boundaries, part headers and the metadata part, on top of the files.
FORM_OVERHEAD_BYTES = 2 * 1024 * 1024
IDLE_SECONDS = 60
SLOWEST_BYTES_PER_SECOND = 1024
"""Over `IDLE_SECONDS` of waiting: an upload that trickles holds a slot and a connection that others wait for."""


class BodyLimitMiddleware:
    """Refuses a body larger than `limit(scope)` bytes when it is first read, by its declared and by its real size.

    Refuses one that stops arriving for `IDLE_SECONDS`, too, or of which less than `SLOWEST_BYTES_PER_SECOND` come while
    it is waited for so long; time that we take ourselves does not count. Raises `HTTPException` 413 and 408 out of
    `receive`, so that a route that never reads the body answers as usual.
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
        pace = _Pace()

        async def bounded_receive() -> Message:
            nonlocal received, more
            _check(declared, limit)
            asked = monotonic()
            message = await _received(receive) if more else await receive()
            size = len(message.get("body", b""))
            more = message.get("more_body", False)
            if more:
                pace.check(monotonic() - asked, size)
            received += size
            _check(received, limit)
            return message

        await self.app(scope, bounded_receive, send)


class _Pace:
    """How much of a body has come in how many seconds of waiting for it."""

    def __init__(self) -> None:
        self._seconds, self._bytes = 0.0, 0

    def check(self, seconds: float, size: int) -> None:
        self._seconds += seconds
        self._bytes += size
        if self._seconds >= IDLE_SECONDS:
            if self._bytes < SLOWEST_BYTES_PER_SECOND * self._seconds:
                pace = f"{self._bytes} bytes of the body arrived in {self._seconds:.0f} seconds"
                raise HTTPException(408, f"{pace}; at least {SLOWEST_BYTES_PER_SECOND} a second are waited for.")
            self._seconds, self._bytes = 0.0, 0


async def _received(receive: Receive) -> Message:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            return await receive()
    except TimeoutError as error:
        raise HTTPException(408, f"Nothing of the body arrived for {IDLE_SECONDS} seconds.") from error


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise HTTPException(413, f"The body has {size} bytes or more; at most {limit} are accepted here.")
