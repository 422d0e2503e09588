"""What all pages share: templates, the files of `static/`, the policy, and errors as pages."""

import hashlib
import mimetypes
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api_schemas.links import link
from api_schemas.problems import Problem
from api_schemas.report_tables import clock
from service.core.foundation.errors import OUTAGES, ServiceError, existing
from service.core.foundation.settings import Settings
from service.core.resources import sessions
from service.core.resources.api_keys import Scope
from service.http import problems
from service.http.access import COOKIE, STATIC, visitor
from service.http.negotiation import etag_matches
from service.http.pages.words import bytes_in_words, flops_in_words, state_mark, with_code
from service.http.request_id import current_request_id
from service.http.security_headers import storage_origin

FILES = Path(__file__).with_name("static")
TEMPLATES = Environment(
    loader=PackageLoader("service.http.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
"""Fields are escaped, and a name that is not given is an error."""
YEAR = 365 * 86_400


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of the route, with errors shown as pages."""
        handler = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handler(request)
            except (ServiceError, RequestValidationError, *OUTAGES) as error:
                return _error_page(request, await problems.answer(request, error))

        return shown


def pages(prefix: str = "") -> APIRouter:
    """Return a router of pages, which the API's document does not list."""
    return APIRouter(prefix=prefix, route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse)


def page(request: Request, template: str, status: int = 200, **names: Any) -> HTMLResponse:
    """Return a page of a template with what the frame of all pages needs."""
    key, token = visitor(request), request.cookies.get(COOKIE)
    frame = {
        "path": request.scope["path"],
        "root": link(""),
        "visitor": key,
        "may_change": key is None or key.allows(Scope.WRITE),
        "sees_operations": key is None or key.allows(Scope.ADMIN),
        "token": sessions.form_token(token) if key is not None and token else "",
        "request_id": current_request_id(),
    }
    html = TEMPLATES.get_template(template).render(**frame, **names)
    return HTMLResponse(html, status, headers=_headers(request.app.state.settings))


def _headers(settings: Settings) -> Mapping[str, str]:
    storage = storage_origin(settings)
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {storage}; "
            f"connect-src 'self' {storage}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Cache-Control": "no-store",
        # With none a browser sends forms with `Origin: null`, as a page of nobody's.
        "Referrer-Policy": "same-origin",
    }


def _error_page(request: Request, answer: Response) -> Response:
    problem = Problem.model_validate_json(bytes(answer.body))
    found = page(request, "error.html", answer.status_code, problem=problem)
    for name in ("Retry-After", "Allow"):
        if name in answer.headers:
            found.headers[name] = answer.headers[name]
    return found


router = pages()


@router.get(STATIC + "{version}/{name}")
def static_file(version: str, name: str, request: Request) -> Response:
    """Return a file of the pages; its address names its digest, so that caches keep it."""
    path = FILES / name
    existing(name in _names() or None, "file", name)
    tag = f'"{digest(name)}"'
    headers = {"Cache-Control": f"public, max-age={YEAR}, immutable", "ETag": tag}
    if etag_matches(request.headers.get("If-None-Match"), tag):
        return Response(status_code=304, headers=headers)
    media_type = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(name)[0]
    return Response(path.read_bytes(), media_type=media_type, headers=headers)


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in FILES.iterdir() if path.is_file())


@cache
def digest(name: str) -> str:
    """Return the beginning of the SHA-256 of a file of `static/`."""
    return hashlib.sha256((FILES / name).read_bytes()).hexdigest()[:16]


def static(name: str) -> str:
    """Return the address of a file of `static/`."""
    return f"{STATIC}{digest(name)}/{name}"


def _when(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}"


TEMPLATES.globals["static"] = static
TEMPLATES.filters |= {
    "when": _when,
    "clock": clock,
    "code": with_code,
    "bytes": bytes_in_words,
    "flops": flops_in_words,
    "mark": state_mark,
}
