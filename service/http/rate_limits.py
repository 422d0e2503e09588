"""How much of each quota a tenant has left, on every answer to it: draft-ietf-httpapi-ratelimit-headers-10."""

import time
from collections.abc import Mapping, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.core.clients import Core
from service.core.foundation.errors import OUTAGES
from service.core.lifecycle import quotas
from service.core.lifecycle.quotas import Remainder

POLICY, REMAINING = "RateLimit-Policy", "RateLimit"
REFRESH_SECONDS = 2.0
"""Age up to which answers to GET tell what another request has found: polls by the thousand ask Redis nothing more."""


class RateLimitMiddleware:
    """Adds the headers; one that the route has set, for the quota that it met, stays."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        core: Core | None = scope["state"].get("core") if scope["type"] == "http" else None
        # Signs of life and documentation are asked for by nobody in particular.
        if core is None or "still_admitted" not in scope["state"]:
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if POLICY not in headers:
                    # What fails may do so because Redis is away: that is not waited for twice.
                    changes = scope["method"] not in ("GET", "HEAD") and message["status"] < 500
                    headers.update(await self._headers(core, changes))
            await send(message)

        await self.app(scope, receive, send_with_headers)

    async def _headers(self, core: Core, changes: bool) -> Mapping[str, str]:
        now = time.monotonic()
        read_at, known = self._known.get(core.tenant, (float("-inf"), {}))
        if known and not changes and now - read_at < REFRESH_SECONDS:
            return known
        # Others go on with what is known in the meantime.
        self._known[core.tenant] = now, known
        try:
            known = headers_of(await run_in_threadpool(quotas.remainders, core))
        except OUTAGES:
            return known
        self._known[core.tenant] = now, known
        return known


def headers_of(remainders: Sequence[Remainder]) -> dict[str, str]:
    """Return the headers that tell quotas and what remains of them: none where there are no quotas."""
    policies, left = [], []
    for each in remainders:
        quota = each.quota
        window = "" if quota.window_seconds is None else f";w={quota.window_seconds}"
        reset = "" if quota.window_seconds is None else f";t={quota.retry_seconds}"
        policies.append(f'"{quota.name}";q={quota.limit}{window}')
        left.append(f'"{quota.name}";r={each.remaining}{reset}')
    return {POLICY: ", ".join(policies), REMAINING: ", ".join(left)} if remainders else {}
