"""The server-sent events of a job, as a stream that survives lost connections."""

from collections.abc import Iterator

import httpx

from api_schemas.events import EventType, JobEvent
from api_schemas.jobs import TERMINAL_STATES
from client.transport import Transport, unreachable

# The server sends a comment every 15 s; twice that in silence means that the connection is dead.
_SILENCE_SECONDS = 35.0


def follow(transport: Transport, url: str, after: str | None) -> Iterator[JobEvent]:
    """Every event after the one with id `after`, each once and in order, up to the job's own terminal state.

    Ends early only when the server, asked again, has nothing more to send and closes. Gives up after
    `transport.attempts` connections in a row that brought nothing.
    """
    failures = 0
    while True:
        received = False
        headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": after})
        try:
            with transport.stream(url, headers=headers, timeout=_SILENCE_SECONDS) as response:
                for event in _events(response):
                    received = True
                    after = event.id
                    yield event
                    if _ends(event):
                        return
        except httpx.TransportError as error:
            failures = 1 if received else failures + 1
            if failures >= transport.attempts:
                raise unreachable(error, response.url) from error
            transport.pause(failures)
        else:
            if not received:
                return


def _ends(event: JobEvent) -> bool:
    return event.type is EventType.STATE and event.task is None and event.data.get("state") in TERMINAL_STATES


def _events(response: httpx.Response) -> Iterator[JobEvent]:
    data: list[str] = []
    for line in _lines(response):
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            yield JobEvent.model_validate_json("\n".join(data))
            data = []


def _lines(response: httpx.Response) -> Iterator[str]:
    # Not iter_lines: it also splits at U+2028 and its like, which JSON strings may hold.
    rest = b""
    for piece in response.iter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode()
