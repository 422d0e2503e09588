"""Sign-in with an API key, whose session lives in a cookie that scripts cannot read and other sites cannot send."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api_schemas.links import link
from service.core.clients import Core
from service.core.resources import sessions
from service.http.access import COOKIE, SIGN_IN, SIGN_OUT, check_origin
from service.http.key_ring import KeyRing
from service.http.pages.site import page, pages

router = pages()

Target = Annotated[str, Query(max_length=2000)]


@router.get(SIGN_IN)
def show_sign_in(request: Request, to: Target = "/") -> Response:
    """Ask for a key."""
    return page(request, "sign_in.html", to=_own(to), wrong=None)


@router.post(SIGN_IN)
async def sign_in(request: Request) -> Response:
    """Begin a session, and go where the visitor was going."""
    check_origin(request)
    core: Core = request.state.core
    ring: KeyRing = request.state.key_ring
    sent = dict(parse_qsl((await request.body()).decode(errors="replace")))
    key, to = sent.get("key", ""), sent.get("to", "/")
    found = await ring.find(key.strip())
    if found is None:
        wrong = "This key is not valid here: it may be revoked, or of another service."
        return page(request, "sign_in.html", 401, to=_own(to), wrong=wrong)
    token = await run_in_threadpool(sessions.begin, core, found)
    response = RedirectResponse(link(_own(to)), status_code=303)
    response.set_cookie(
        COOKIE,
        token,
        max_age=sessions.SECONDS,
        path=request.state.prefix or "/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.post(SIGN_OUT)
def sign_out(request: Request) -> Response:
    """End the session. Raises ServiceError FORBIDDEN for a page of another site."""
    check_origin(request)
    core: Core = request.state.core
    if token := request.cookies.get(COOKIE):
        sessions.end(core, token)
    response = RedirectResponse(link(SIGN_IN), status_code=303)
    response.delete_cookie(COOKIE, path=request.state.prefix or "/", httponly=True, samesite="strict")
    return response


def _own(target: str) -> str:
    """Return a path of this site; of any other address the first page."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain else "/"
