"""Where callers reach the service when a proxy stands between: of that, only proxies that are named are believed."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api_schemas.links import reached_at
from service.core.foundation.settings import ROOT_PATH

HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class ForwardedMiddleware:
    """Takes caller, scheme, host and prefix from `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` of a named proxy.

    `root_path` is the prefix where a proxy sends none. Links are paths below the prefix; where a proxy tells the host
    that was asked for, they are whole addresses. A proxy may pass the prefix on or cut it off. `allow_ips` are
    addresses and networks, separated by commas.
    """

    def __init__(self, app: ASGIApp, root_path: str, allow_ips: str) -> None:
        self.app = app
        self.root_path = root_path
        self._believing = ProxyHeadersMiddleware(self._serve, allow_ips)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request as what its caller asked for."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        named = scope["client"] is not None and scope["client"][0] in self._believing.trusted_hosts
        host = _last(headers, "X-Forwarded-Host") if named else ""
        prefix = _last(headers, "X-Forwarded-Prefix").rstrip("/") if named else ""
        scope["state"]["forwarded_host"] = host if HOST.fullmatch(host) else ""
        scope["state"]["prefix"] = prefix if ROOT_PATH.fullmatch(prefix) else self.root_path
        await self._believing(scope, receive, send)  # type: ignore[arg-type]

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        host, prefix = scope["state"]["forwarded_host"], scope["state"]["prefix"]
        reached_at((f"{scope['scheme']}://{host}" if host else "") + prefix)
        path: str = scope["path"]
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            scope["path"] = path.removeprefix(prefix) or "/"
        await self.app(scope, receive, send)


def _last(headers: Headers, name: str) -> str:
    """Return what the nearest proxy wrote: proxies may append to what they were sent."""
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()
