"""Access: asks for an API key before a body is read, and hands on the core as the key's tenant sees it."""

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api_schemas.jobs import Creator
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import OUTAGES, ServiceError
from service.core.foundation.tenants import DEFAULT
from service.core.resources import api_keys
from service.http import docs_page, problems
from service.http.key_ring import KeyRing

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="LADD"'}
"""RFC 6750, section 3."""

OPEN_PATHS = frozenset({"/", docs_page.PATH, "/openapi.json", "/livez", "/readyz"})


StillAdmitted = Callable[[], Awaitable[bool]]
"""Tells during a long answer, as `request.state.still_admitted`, whether its reader would still be let in."""


def is_public(path: str) -> bool:
    """Tell whether everybody may have this: signs of life, and what the documentation consists of."""
    return path in OPEN_PATHS or path.startswith(docs_page.FILES)


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on, or a name in a URL, can only mean this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class AccessMiddleware:
    """Refuses requests without a key (401) or with one that lacks the scope (403).

    With `open_without_keys` (a front on loopback) everybody comes in as the tenant `default` until the first key is
    made; but not a web page of another site that the browser of somebody on this machine shows.
    """

    def __init__(self, app: ASGIApp, open_without_keys: bool) -> None:
        self.app = app
        self.open_without_keys = open_without_keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request to whom it may be served."""
        if scope["type"] != "http" or is_public(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            core, still_admitted = await self._admit(scope)
        except (ServiceError, *OUTAGES) as error:
            response = await problems.answer(Request(scope), error)
            if response.status_code == 401:
                response.headers.update(CHALLENGE)
            await response(scope, receive, send)
            return
        state = {**scope["state"], "core": core, "still_admitted": still_admitted}
        await self.app({**scope, "state": state}, receive, send)

    async def _admit(self, scope: Scope) -> tuple[Core, StillAdmitted]:
        core: Core = scope["state"]["core"]
        ring: KeyRing = scope["state"]["key_ring"]
        headers = Headers(scope=scope)
        scheme, _, secret = headers.get("Authorization", "").strip().partition(" ")
        if self.open_without_keys and await ring.is_empty():
            _check_same_machine(scope, headers)
            return core.acting_for(DEFAULT), ring.is_empty
        key = await ring.find(secret) if scheme.lower() == "bearer" else None
        if key is None:
            message = "This needs a key that is valid: send it as `Authorization: Bearer <key>`."
            raise ServiceError(ErrorCode.UNAUTHENTICATED, message)
        needed = api_keys.Scope.READ if scope["method"] in ("GET", "HEAD") else api_keys.Scope.WRITE
        if not key.allows(needed):
            message = f"The key {key.id} has no scope `{needed}`, which {scope['method']} needs here."
            raise ServiceError(ErrorCode.FORBIDDEN, message)
        # A job that an admin starts is their tenant's, made of that tenant's sets.
        starts = scope["method"] == "POST" and not scope["path"].endswith("/cancel")
        sees_all = api_keys.Scope.ADMIN in key.scopes and not starts
        seen = core.acting_for(key.tenant, sees_all, Creator(id=key.id, name=key.name))

        async def still_admitted() -> bool:
            return await ring.find(secret) is not None

        return seen, still_admitted


def _check_same_machine(scope: Scope, headers: Headers) -> None:
    """Refuse who is elsewhere, and what a foreign page makes a browser send: by a name of its own or across sites.

    A proxy on this machine that names its caller (`X-Forwarded-For`) counts as that caller: uvicorn looks to it.
    """
    host = headers.get("Host", "")
    origin = headers.get("Origin")
    caller = scope["client"]
    if caller is None or not is_loopback(caller[0]):
        message = "Without keys this answers to this machine alone."
    elif not is_loopback(urlsplit(f"//{host}").hostname or ""):
        message = f"Without keys this answers to names of this machine alone, not to {host!r}."
    elif origin is not None and origin != f"{scope['scheme']}://{host}":
        message = f"Without keys this takes nothing from pages of {origin}."
    else:
        return
    raise ServiceError(ErrorCode.FORBIDDEN, f"{message} Make a key: python -m service.keys create --name NAME")
