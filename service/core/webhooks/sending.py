"""One attempt to send a message: sign it, look the receiver up, POST, and read the beginning of its answer."""

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import httpx

from api_schemas.signatures import ID, SIGNATURE, TIMESTAMP, sign
from service.core.foundation.settings import Network
from service.core.webhooks.addresses import UnreachableError, looked_up, parsed
from service.core.webhooks.deliveries import Taken
from service.core.webhooks.hooks import Hook

CONNECT_SECONDS = 5.0
ATTEMPT_SECONDS = 15.0
"""The whole of an attempt. Standard Webhooks asks for 15 to 30."""
ANSWER_BYTES = 1024
"""Bytes of an answer that are read and shown."""


@dataclass(frozen=True)
class Answer:
    """How an attempt has ended: with the status of an HTTP answer and the beginning of its body, or an error."""

    started_at: datetime
    seconds: float
    status: int | None = None
    answer: str | None = None
    error: str | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has taken the message."""
        return self.status is not None and 200 <= self.status < 300


def send(hook: Hook, message: Taken, allowed: Sequence[Network]) -> Answer:
    """Send a message once; never raises for what the receiver does, and ends in time whatever that is."""
    started_at, began = datetime.now(UTC), time.monotonic()
    told: Mapping[str, int | str]
    try:
        status, body = asyncio.run(_called(hook, message, allowed, started_at))
        told = {"status": status, "answer": body.decode(errors="replace")}
    except TimeoutError:
        told = {"error": f"no answer within {ATTEMPT_SECONDS:.0f} s"}
    except UnreachableError as error:
        told = {"error": f"not called: {error}"}
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        told = {"error": _in_words(error)}
    return Answer(started_at, round(time.monotonic() - began, 3), **told)  # type: ignore[arg-type]


def _in_words(error: Exception) -> str:
    """Name what went wrong; the text of an error may name addresses, but for that of TLS."""
    if isinstance(error, httpx.ConnectError):
        text = str(error)
        return f"no connection: {text}" if "CERTIFICATE" in text.upper() else "no connection"
    return f"no answer ({type(error).__name__})"


async def _called(hook: Hook, message: Taken, allowed: Sequence[Network], now: datetime) -> tuple[int, bytes]:
    """Call the URL. Each address of its host is tried until one takes the connection: nothing is sent before."""
    url, body, timestamp = parsed(hook.url), message.body.encode(), round(now.timestamp())
    headers = {
        "Host": url.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "LADD-webhooks",
        ID: message.id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: " ".join(sign(secret, message.id, timestamp, body) for secret in hook.signing(now)),
    }
    # Its own proxies would be asked to call whatever name it is.
    client = httpx.AsyncClient(
        verify=_trusted(), trust_env=False, timeout=httpx.Timeout(ATTEMPT_SECONDS, connect=CONNECT_SECONDS)
    )
    async with asyncio.timeout(ATTEMPT_SECONDS), client:
        *others, last = await looked_up(url, allowed)
        for address in others:
            try:
                return await _posted(client, url, address, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await _posted(client, url, last, headers, body)


async def _posted(
    client: httpx.AsyncClient, url: httpx.URL, address: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, bytes]:
    """POST to an address. Certificates are still asked for the name of the URL; redirects are not followed."""
    there = url.copy_with(host=address)
    named = {"sni_hostname": url.raw_host.decode("ascii")}
    beginning = bytearray()
    async with client.stream("POST", there, headers=headers, content=body, extensions=named) as response:
        async for piece in response.aiter_raw():
            beginning += piece
            if len(beginning) >= ANSWER_BYTES:
                break
    return response.status_code, bytes(beginning[:ANSWER_BYTES])


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates that the system trusts, read once."""
    return ssl.create_default_context()
