"""Requests that a stopping server cannot wait for, such as streams of events: they end as a caller can go on from."""

import asyncio
import logging

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_schemas.problems import ErrorCode
from service.http.problems import problem

_log = logging.getLogger(__name__)


class StopMiddleware:
    """Ends what uvicorn cancels when it has waited for long enough: 503, or the end of a stream that had begun."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request until it is cancelled."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, streams = False, False

        async def observed_send(message: Message) -> None:
            nonlocal begun, streams
            if message["type"] == "http.response.start":
                begun, streams = True, "Content-Length" not in Headers(raw=message.get("headers", []))
            await send(message)

        try:
            await self.app(scope, receive, observed_send)
        except asyncio.CancelledError:
            _log.info("%s %s: ended, the server stops", scope["method"], scope["path"])
            if streams:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif not begun:
                message = "The service is being stopped; ask again."
                await problem(Request(scope), ErrorCode.UNAVAILABLE, message)(scope, receive, send)
            else:
                raise
