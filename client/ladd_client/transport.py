"""HTTP exchanges with retries, and the reading of answers that say no."""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from api_schemas.problems import Problem
from ladd_client.auth import KeyAuth
from ladd_client.errors import ClientError, ProblemError
from ladd_client.foreign_answers import refusal

Model = TypeVar("Model", bound=BaseModel)

_LONGEST_PAUSE = 10.0
_LONGEST_WAIT = 60.0
"""For room under a quota, which is counted by the minute."""
_AWAY = (502, 504)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Transport:
    """An httpx client that tries again where that is safe. Raises `ClientError` for a `base_url` that is no address.

    A 503 or 429 that carries `Retry-After` is always tried again: the server has said that it did nothing. A broken
    connection is tried again when the call is repeatable, or when the request never left this machine; when the call
    is repeatable also the 502 or 504 of a proxy whose service is away.
    """

    def __init__(self, base_url: str, *, api_key: str | None = None, timeout: float, attempts: int) -> None:
        # Uploads and S3 may stall for longer than a connection takes to open.
        limits = httpx.Timeout(timeout, connect=min(timeout, 10.0))
        if not _is_address(base_url):
            raise ClientError(f"the service's address must be like http://host:port, got {base_url!r}")
        # A proxy that the environment names for the world cannot reach this machine's own servers.
        direct = {f"all://{host}": httpx.HTTPTransport() for host in ("127.0.0.1", "localhost", "[::1]")}
        auth = None if api_key is None else KeyAuth(api_key, base_url)
        self._http = httpx.Client(base_url=base_url, auth=auth, timeout=limits, mounts=direct)
        self.attempts = attempts

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def request(self, method: str, url: str, *, repeatable: bool, **options: Any) -> httpx.Response:
        """Send and read a whole answer. Raises `ProblemError` or `ClientError`.

        A POST carries an idempotency key, the same with every try: what the first one made is not made again.
        """
        if method == "POST":
            options["headers"] = {"Idempotency-Key": str(uuid.uuid4()), **options.get("headers", {})}
        return self._exchange(lambda: self._http.request(method, url, **options), repeatable, (), self.attempts)

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
        time.sleep(min(_LONGEST_PAUSE, 0.2 * 2 ** (failures - 1)) * random.uniform(0.5, 1.0))

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
            if repeatable and response.status_code in _AWAY and failures < attempts:
                response.close()
                self.pause(failures)
                continue
            delay = _asked_delay(response)
            if delay is None or failures >= attempts:
                return _checked(response, allowed)
            response.close()
            time.sleep(delay)


def unreachable(error: httpx.TransportError, base_url: httpx.URL | str) -> ClientError:
    """Say which server did not answer, and why."""
    return ClientError(f"no answer from {base_url}: {str(error) or type(error).__name__}")


def parsed(model: type[Model], response: httpx.Response) -> Model:
    """Return the body of an answer as a model. Raises `ClientError` for one that is not."""
    try:
        return model.model_validate_json(response.content)
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


def _asked_delay(response: httpx.Response) -> float | None:
    seconds = response.headers.get("Retry-After", "")
    longest = {429: _LONGEST_WAIT, 503: _LONGEST_PAUSE}.get(response.status_code)
    return None if longest is None or not seconds.isdigit() else min(float(seconds), longest)


def _checked(response: httpx.Response, allowed: tuple[int, ...]) -> httpx.Response:
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
