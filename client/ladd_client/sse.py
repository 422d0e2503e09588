"""The server-sent events of a job, as a stream that survives lost connections."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
from httpx_sse import EventSource, SSEError
from pydantic import ValidationError

from api_schemas.events import JobEvent
from ladd_client.errors import ClientError
from ladd_client.transport import Transport, checked, pause_seconds, retry_delay, unreachable

# The server sends a comment every 15 s; twice that in silence means that the connection is dead.
_SILENCE_SECONDS = 35.0

# Whoever has followed a job for a while is to see its end: tries in a row amount to some four minutes, in which a
# service is restarted or its Redis comes back.
_PATIENT_ATTEMPTS = 40


def follow(
    transport: Transport, url: str, after: str | None, on_silence: Callable[[], None] | None = None
) -> Iterator[JobEvent]:
    """Every event after the one with id `after`, each once and in order, up to the job's own terminal state.

    `on_silence` is called when the server has had nothing to tell for a while (15 s).

    Ends without that state only where it is not kept any more: the server says that there is nothing to come. Gives up
    after `transport.attempts` connections in a row that brought nothing, later where events came before. Raises
    `ProblemError` or `ClientError`.
    """
    failures = 0
    attempts = transport.attempts
    while True:
        received = False
        headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": after})
        try:
            with transport.stream(url, headers=headers, timeout=_SILENCE_SECONDS, attempts=attempts) as response:
                if response.status_code == 204:
                    return
                for event in _events(response, on_silence):
                    received = True
                    attempts = max(transport.attempts, _PATIENT_ATTEMPTS)
                    after = event.id
                    yield event
                    if event.ends_job:
                        return
            ended: httpx.TransportError = httpx.RemoteProtocolError("the stream of events ended before the job")
        except httpx.TransportError as error:
            ended = error
        failures = 0 if received else failures + 1
        if failures >= attempts:
            raise unreachable(ended, response.url) from ended
        transport.pause(failures)


def _events(response: httpx.Response, on_silence: Callable[[], None] | None) -> Iterator[JobEvent]:
    try:
        for sent in EventSource(response).iter_sse():
            # Comments keep the connection alive and end in an empty line, too.
            if sent.data:
                yield _event(sent.data)
            elif on_silence is not None:
                on_silence()
    except (SSEError, ValidationError) as error:
        raise _no_event(response, error) from error


async def follow_async(
    http: httpx.AsyncClient, attempts: int, url: str, after: str | None, on_silence: Callable[[], None] | None = None
) -> AsyncIterator[JobEvent]:
    """`follow` on an event loop; whoever stops listening leaves nothing behind."""
    failures = 0
    patience = attempts
    while True:
        received = False
        delay: float | None = None
        headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": after})
        try:
            async with http.stream("GET", url, headers=headers, timeout=_SILENCE_SECONDS) as response:
                delay = retry_delay(response, True, failures + 1)
                if response.status_code >= 400 and (delay is None or failures + 1 >= patience):
                    checked(await _whole(response), ())
                if response.status_code == 204:
                    return
                if delay is None:
                    async for event in _events_async(response, on_silence):
                        received = True
                        patience = max(attempts, _PATIENT_ATTEMPTS)
                        after = event.id
                        yield event
                        if event.ends_job:
                            return
            ended: httpx.TransportError = httpx.RemoteProtocolError("the stream of events ended before the job")
        except httpx.TransportError as error:
            ended = error
        failures = 0 if received else failures + 1
        if failures >= patience:
            raise unreachable(ended, http.base_url) from ended
        await asyncio.sleep(pause_seconds(max(failures, 1)) if delay is None else delay)


async def _events_async(response: httpx.Response, on_silence: Callable[[], None] | None) -> AsyncIterator[JobEvent]:
    try:
        async for sent in EventSource(response).aiter_sse():
            if sent.data:
                yield _event(sent.data)
            elif on_silence is not None:
                on_silence()
    except (SSEError, ValidationError) as error:
        raise _no_event(response, error) from error


async def _whole(response: httpx.Response) -> httpx.Response:
    """Return a copy whose body is read, which can be used without a loop."""
    body = await response.aread()
    return httpx.Response(response.status_code, headers=response.headers, content=body, request=response.request)


def _event(text: str) -> JobEvent:
    return JobEvent.model_validate_json(text, extra="ignore")


def _no_event(response: httpx.Response, error: Exception) -> ClientError:
    return ClientError(f"{response.url} sent something that is not an event: {error}")
