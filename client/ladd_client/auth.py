"""The API key, which goes to the service and to nobody else."""

from collections.abc import Generator

import httpx


class KeyAuth(httpx.Auth):
    """Sends `Authorization: Bearer <key>` to the origin (scheme, host and port) of `base_url` alone.

    Links lead from there to the object storage, whose presigned addresses need no key and must not be told ours.
    """

    def __init__(self, key: str, base_url: str) -> None:
        self._header = f"Bearer {key}"
        self._origin = origin(httpx.URL(base_url))

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header where it belongs."""
        if origin(request.url) == self._origin:
            request.headers["Authorization"] = self._header
        yield request


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address, the scheme's own port where it names none."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
