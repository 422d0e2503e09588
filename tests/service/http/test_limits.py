"""Bounds of bodies, declared and real."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from service.http import limits
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


def read_at_a_pace(chunks: int, size: int) -> int:
    """Return how many bytes an application reads of chunks of a size that come every 50 ms."""
    read = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal read
        more = True
        while more:
            message = await receive()
            read += len(message["body"])
            more = message["more_body"]

    sent = 0

    async def receive() -> Message:
        nonlocal sent
        await asyncio.sleep(0.05)
        sent += 1
        return {"type": "http.request", "body": bytes(size), "more_body": sent < chunks}

    async def send(_: Message) -> None:
        raise AssertionError("the application answers nothing")

    middleware = BodyLimitMiddleware(app, lambda scope: 1 << 20)
    asyncio.run(middleware({"type": "http", "headers": []}, receive, send))
    return read


def test_a_body_that_trickles_is_refused_and_a_slow_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.2)
    with pytest.raises(HTTPException) as caught:
        read_at_a_pace(chunks=100, size=1)
    assert caught.value.status_code == 408
    assert "1024 a second" in str(caught.value.detail)
    assert read_at_a_pace(chunks=20, size=4096) == 20 * 4096
    assert read_at_a_pace(chunks=2, size=1) == 2, "a small body may take a while"


def test_time_that_the_application_takes_is_not_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.2)
    messages = [{"type": "http.request", "body": b"1", "more_body": more} for more in (True, True, True, False)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            await asyncio.sleep(0.15)

    async def receive() -> Message:
        return messages.pop(0)

    async def send(_: Message) -> None:
        raise AssertionError("the application answers nothing")

    asyncio.run(BodyLimitMiddleware(app, lambda scope: 10)({"type": "http", "headers": []}, receive, send))
    assert not messages
