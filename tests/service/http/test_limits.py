"""Bounds of bodies, declared and real."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from service.http.limits import BodyLimitMiddleware


def size_read(chunks: list[bytes], limit: int, declared: int | None = None) -> int:
    """Return how many bytes an application reads through the middleware."""
    read = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal read
        while (message := await receive())["more_body"]:
            read += len(message["body"])
        read += len(message["body"])

    messages = [
        {"type": "http.request", "body": chunk, "more_body": position < len(chunks) - 1}
        for position, chunk in enumerate(chunks)
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(_: Message) -> None:
        raise AssertionError("the application answers nothing")

    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    middleware = BodyLimitMiddleware(app, lambda scope: limit)
    asyncio.run(middleware({"type": "http", "headers": headers}, receive, send))
    assert not messages
    return read


def test_body_of_exactly_the_limit_passes() -> None:
    assert size_read([b"12", b"34"], limit=4) == 4
    assert size_read([b"1234"], limit=4, declared=4) == 4


def test_undeclared_bytes_are_counted() -> None:
    with pytest.raises(HTTPException) as caught:
        size_read([b"12", b"345"], limit=4)
    assert caught.value.status_code == 413


def test_declared_size_is_refused_before_anything_is_read() -> None:
    with pytest.raises(HTTPException) as caught:
        size_read([], limit=4, declared=5)
    assert caught.value.status_code == 413
