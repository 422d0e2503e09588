"""Headers that tell a browser what it must not do with an answer."""

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.core.foundation.settings import Settings

DEFAULTS: Mapping[str, str] = {
    # An answer is data, not a page: nothing in it runs, loads or is framed. Pages have policies of their own.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PRIVATE = "/v1/"
"""Below this path everything is some tenant's, and no cache keeps it unless the route says how."""


class SecurityHeadersMiddleware:
    """Adds `DEFAULTS`, and `no-store` to what is private, where the route has not set the header itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in DEFAULTS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(PRIVATE):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, send_with_headers)


def page_policy(**sources: str) -> dict[str, str]:
    """Return the header of a page that may load from these sources alone, by kind: `script`, `style`, `img`, ..."""
    allowed = "".join(f" {kind}-src {source};" for kind, source in sources.items())
    policy = f"default-src 'none';{allowed} base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return {"Content-Security-Policy": policy}


def storage_origin(settings: Settings) -> str:
    """Return the source that links to the storage lead to, since a policy is held against redirects too."""
    endpoint = settings.s3_public_endpoint_url or settings.s3_endpoint_url
    if endpoint is None:
        return "https:"
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


def inline_source(text: bytes) -> str:
    """Return the source that is this inline script or style and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
