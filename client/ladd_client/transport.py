"""HTTP exchanges with retries, and the reading of answers that say no."""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from api_schemas.problems import Problem
from ladd_client.auth import KeyAuth
from ladd_client.errors import ClientError, ProblemError, UnreachableError
from ladd_client.foreign_answers import refusal

Model = TypeVar("Model", bound=BaseModel)

_LONGEST_PAUSE = 10.0
_LONGEST_WAIT = 60.0
"""For room under a quota, which is counted by the minute."""
_GATEWAY = (502, 504)
"""A proxy's answers when it gets none, or none in time."""
THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Transport:
    """An httpx client that tries again where that is safe. Raises `ClientError` for a `base_url` that is no address.

    A 503 or 429 that carries `Retry-After` is always tried again: the server has said that it did nothing. A broken
    connection, or a proxy's word that it got no answer, is tried again when the call is repeatable, or when the request
    never left this machine.
    """

    def __init__(self, base_url: str, *, api_key: str | None = None, timeout: float, attempts: int) -> None:
        # Uploads and S3 may stall for longer than a connection takes to open.
        limits = httpx.Timeout(timeout, connect=min(timeout, 10.0))
        if not _is_address(base_url):
            raise ClientError(f"the service's address must be like http://host:port, got {base_url!r}")
        # A proxy that the environment names for the world cannot reach this machine's own servers.
        direct = {f"all://{host}": httpx.HTTPTransport() for host in THIS_MACHINE}
        auth = None if api_key is None else KeyAuth(api_key, base_url)
        self._http = httpx.Client(base_url=base_url, auth=auth, timeout=limits, mounts=direct)
        self.attempts = attempts

    def on_a_loop(self) -> httpx.AsyncClient:
        """Return a client of the same service with the same key for an event loop; it does not try again."""
        direct = {f"all://{host}": httpx.AsyncHTTPTransport() for host in THIS_MACHINE}
        http = self._http
        return httpx.AsyncClient(base_url=http.base_url, auth=http.auth, timeout=http.timeout, mounts=direct)

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def request(
        self, method: str, url: str, *, repeatable: bool, attempts: int | None = None, **options: Any
    ) -> httpx.Response:
        """Send and read a whole answer. Raises `ProblemError` or `ClientError`.

        A POST carries an idempotency key, the same with every try: what the first one made is not made again.
        """
        if method == "POST":
            options["headers"] = {"Idempotency-Key": str(uuid.uuid4()), **options.get("headers", {})}
        tries = attempts or self.attempts
        return self._exchange(lambda: self._http.request(method, url, **options), repeatable, (), tries)

    @property
    def http(self) -> httpx.Client:
        """For single exchanges that are not tried again."""
        return self._http

    @property
    def base_url(self) -> str:
        """The service's address."""
        return str(self._http.base_url)

    def put(self, url: str, size: int, pieces: Callable[[], Iterator[bytes]]) -> bool:
        """Send `size` bytes to a link of the storage, read anew for each try; False when the link is invalid by now.

        Raises `ClientError`.
        """

        def send() -> httpx.Response:
            return self._http.put(url, content=pieces(), headers={"Content-Length": str(size)})

        return self._exchange(send, True, (403,), self.attempts, "the storage").status_code != 403

    @contextmanager
    def stream(
        self,
        url: str,
        *,
        headers: dict[str, str],
        allowed: tuple[int, ...] = (),
        timeout: float | None = None,
        attempts: int | None = None,
    ) -> Iterator[httpx.Response]:
        """GET without reading the body. `allowed` lists the error statuses that the caller handles itself."""

        def send() -> httpx.Response:
            request = self._http.build_request("GET", url, headers=headers, timeout=timeout or self._http.timeout)
            return self._http.send(request, stream=True)

        response = self._exchange(send, True, allowed, attempts or self.attempts)
        try:
            yield response
        finally:
            response.close()

    def pause(self, failures: int) -> None:
        """Sleep before try number `failures + 1`: 0.2 s, doubled each time, with jitter."""
        time.sleep(pause_seconds(failures))

    def _exchange(
        self,
        send: Callable[[], httpx.Response],
        repeatable: bool,
        allowed: tuple[int, ...],
        attempts: int,
        server: str | None = None,
    ) -> httpx.Response:
        failures = 0
        while True:
            try:
                response = send()
            except httpx.TransportError as error:
                failures += 1
                if failures >= attempts or not (repeatable or isinstance(error, _NEVER_SENT)):
                    raise unreachable(error, server or self._http.base_url) from error
                self.pause(failures)
                continue
            failures += 1
            delay = retry_delay(response, repeatable, failures)
            if delay is None or failures >= attempts:
                return checked(response, allowed)
            response.close()
            time.sleep(delay)


def pause_seconds(failures: int) -> float:
    """Return how long to wait before try number `failures + 1`."""
    return float(min(_LONGEST_PAUSE, 0.2 * 2 ** (failures - 1))) * random.uniform(0.5, 1.0)


def unreachable(error: httpx.TransportError, base_url: httpx.URL | str) -> UnreachableError:
    """Say which server did not answer, and why."""
    return UnreachableError(f"no answer from {base_url}: {str(error) or type(error).__name__}")


def parsed(model: type[Model], response: httpx.Response, context: object = None) -> Model:
    """Return the body of an answer as a model, which may look at `context`. Raises `ClientError` for one that is not.

    A newer service may say more than this client knows of: that is left out.
    """
    try:
        return model.model_validate_json(response.content, extra="ignore", context=context)
    except ValidationError as error:
        raise ClientError(
            f"{response.request.method} {response.url} answered {response.status_code} with something that is not "
            f"a {model.__name__}: {error}"
        ) from error


def _is_address(base_url: str) -> bool:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


def retry_delay(response: httpx.Response, repeatable: bool, failures: int) -> float | None:
    """Return after how many seconds to try again what was answered so at try number `failures`; None: not at all."""
    asked = _asked_seconds(response.headers.get("Retry-After", ""))
    longest = {429: _LONGEST_WAIT, 503: _LONGEST_PAUSE}.get(response.status_code)
    if longest is not None and asked is not None:
        return min(asked, longest)
    return pause_seconds(failures) if repeatable and response.status_code in _GATEWAY else None


def _asked_seconds(text: str) -> float | None:
    """Read a `Retry-After`: seconds, or a moment as proxies may name it."""
    if text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def checked(response: httpx.Response, allowed: tuple[int, ...]) -> httpx.Response:
    """Return an answer that is no error, or one of `allowed`. Raises `ProblemError` or `ClientError`."""
    if response.status_code < 400 or response.status_code in allowed:
        return response
    try:
        body = response.read()
    except httpx.TransportError:
        body = b""
    finally:
        response.close()
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        raise refusal(response, body) from None
    raise ProblemError(problem)
