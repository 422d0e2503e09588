"""One id per request: taken from `X-Request-ID` when it is well formed, echoed, and written on every log line."""

import logging
import random
import re
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")

_current: ContextVar[str] = ContextVar("request_id", default="-")


def current_request_id() -> str:
    """Return the id of the request being served, `-` outside of one."""
    return _current.get()


class RequestIdMiddleware:
    """Gives every request an id. Ill-formed ids of callers are replaced, since ids end up in logs and headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request under its id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(HEADER, "")
        # Not out of uuid4: the system's source of randomness lets another thread have the interpreter at every request.
        request_id = sent if WELL_FORMED.fullmatch(sent) else f"{random.getrandbits(128):032x}"
        # Never reset: the server writes its access log after this call, in the same task and context.
        _current.set(request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self.app(scope, receive, send_with_id)


class RequestIdFilter(logging.Filter):
    """Puts `request_id` on log records, for formats that show it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return true always: the record is only completed."""
        record.request_id = current_request_id()
        return True
