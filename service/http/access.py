"""Access: asks for an API key before a body is read, and hands on the core as the key's tenant sees it."""

import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api_schemas.job_parts import Creator
from api_schemas.links import link
from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import OUTAGES, ServiceError
from service.core.foundation.tenants import DEFAULT
from service.core.resources import api_keys, sessions
from service.core.resources.api_keys import ApiKey
from service.http import docs_page, openapi, problems
from service.http.key_ring import KeyRing

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="LADD"'}
"""RFC 6750, section 3."""

SIGN_IN = "/sign-in"
SIGN_OUT = "/sign-out"
OPEN_PATHS = frozenset({SIGN_IN, SIGN_OUT, docs_page.PATH, openapi.PATH, "/livez", "/readyz"})
STATIC = "/static/"
"""Where the files of the pages are, which are nobody's."""
SHARED = "/shared/"
"""Where links lead that say themselves what they open, and to whom it belongs."""
API = "/v1/"
COOKIE = "ladd_session"
TOKEN_HEADER = "X-LADD-Token"
"""A change that a session asks for names `sessions.form_token`."""


StillAdmitted = Callable[[], Awaitable[bool]]
"""Tells during a long answer, as `request.state.still_admitted`, whether its reader would still be let in."""


def is_public(path: str) -> bool:
    """Tell whether everybody may have this: signs of life, and what the documentation consists of."""
    return path in OPEN_PATHS or path.startswith((docs_page.FILES, STATIC, SHARED))


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
            core, still_admitted, visitor = await self._admit(scope)
        except (ServiceError, *OUTAGES) as error:
            response = await _turned_away(Request(scope), error)
            await response(scope, receive, send)
            return
        state = {**scope["state"], "core": core, "still_admitted": still_admitted, "visitor": visitor}
        await self.app({**scope, "state": state}, receive, send)

    async def _admit(self, scope: Scope) -> tuple[Core, StillAdmitted, ApiKey | None]:
        core: Core = scope["state"]["core"]
        ring: KeyRing = scope["state"]["key_ring"]
        headers = Headers(scope=scope)
        scheme, _, secret = headers.get("Authorization", "").strip().partition(" ")
        if self.open_without_keys and await ring.is_empty():
            _check_same_machine(scope, headers)
            return core.acting_for(DEFAULT), ring.is_empty, None
        if scheme.lower() == "bearer":
            digest = api_keys.digest_of(secret)
        elif (token := Request(scope).cookies.get(COOKIE)) is not None:
            found = await run_in_threadpool(sessions.key_digest, core, token)
            digest = found or ""
            _check_own_page(scope, headers, token)
        else:
            digest = ""
        key = await ring.of_digest(digest)
        if key is None:
            message = "This needs a key that is valid: send it as `Authorization: Bearer <key>`, or sign in."
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
            return await ring.of_digest(digest) is not None

        return seen, still_admitted, key


def visitor(request: Request) -> ApiKey | None:
    """Return the key of who asks; None where there are no keys, and on public pages."""
    found: ApiKey | None = getattr(request.state, "visitor", None)
    return found


async def _turned_away(request: Request, error: Exception) -> Response:
    """Send who would read a page to the sign-in and back; the API says what is wrong."""
    path, browses = request.scope["path"], "text/html" in request.headers.get("Accept", "")
    unknown = isinstance(error, ServiceError) and error.code is ErrorCode.UNAUTHENTICATED
    if unknown and browses and not path.startswith(API):
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(link(f"{SIGN_IN}?to={quote(path + query, safe='')}"), status_code=303)
    response = await problems.answer(request, error)
    if response.status_code == 401:
        response.headers.update(CHALLENGE)
    return response


def _check_own_page(scope: Scope, headers: Headers, token: str) -> None:
    """Refuse a change that a session's browser was made to send by a page of another site."""
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return
    check_origin(Request(scope))
    if not secrets.compare_digest(headers.get(TOKEN_HEADER, "").encode(), sessions.form_token(token).encode()):
        message = f"A signed-in browser sends the token of its page as {TOKEN_HEADER}; this is none. Reload the page."
        raise ServiceError(ErrorCode.FORBIDDEN, message)


def check_origin(request: Request) -> None:
    """Raise ServiceError FORBIDDEN for a form or call that a page of another site sends."""
    own, origin = own_origins(request.scope), request.headers.get("Origin")
    if origin not in own:
        raise ServiceError(ErrorCode.FORBIDDEN, f"This takes changes from pages of {own[0]} alone, not of {origin}.")


def own_origins(scope: Scope) -> list[str]:
    """Return the origins that our pages may have been asked for at: first as a named proxy says, then as we see it."""
    return [f"{scope['scheme']}://{host}" for host in _hosts(scope)]


def _hosts(scope: Scope) -> list[str]:
    asked, forwarded = Headers(scope=scope).get("Host", ""), scope["state"]["forwarded_host"]
    return [forwarded, asked] if forwarded else [asked]


def _check_same_machine(scope: Scope, headers: Headers) -> None:
    """Refuse who is elsewhere, and what a foreign page makes a browser send: by a name of its own or across sites.

    A proxy on this machine that names its caller (`X-Forwarded-For`) counts as that caller, and the host that its
    caller asked for has to be a name of this machine, too.
    """
    origin = headers.get("Origin")
    caller = scope["client"]
    if caller is None or not is_loopback(caller[0]):
        message = "Without keys this answers to this machine alone."
    elif strange := [host for host in _hosts(scope) if not is_loopback(urlsplit(f"//{host}").hostname or "")]:
        message = f"Without keys this answers to names of this machine alone, not to {strange[0]!r}."
    elif origin is not None and origin not in own_origins(scope):
        message = f"Without keys this takes nothing from pages of {origin}."
    else:
        return
    raise ServiceError(ErrorCode.FORBIDDEN, f"{message} Make a key: python -m service.keys create --name NAME")
