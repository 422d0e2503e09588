"""The FastAPI application: routes, middleware, and the core, reaper and deliverers that live as long as it does."""

import logging
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from api_schemas.problems import ErrorCode
from service.core.clients import Core, open_core
from service.core.foundation import redis_keys
from service.core.foundation.errors import OUTAGES, ServiceError
from service.core.foundation.settings import Settings
from service.core.foundation.tenants import adopt
from service.core.upkeep.deliverer import deliverer_threads
from service.core.upkeep.reaper import run_reaper
from service.http import docs_page, openapi, problems
from service.http.access import AccessMiddleware, is_loopback
from service.http.forwarded import ForwardedMiddleware
from service.http.job_versions import JobVersions
from service.http.key_ring import KeyRing
from service.http.limits import FORM_OVERHEAD_BYTES, MAX_JSON_BYTES, BodyLimitMiddleware
from service.http.pages import PAGES
from service.http.polls import PollMiddleware
from service.http.query import refuse_unknown_query
from service.http.rate_limits import RateLimitMiddleware
from service.http.received import FormSlots
from service.http.request_id import RequestIdMiddleware
from service.http.routes import compare, datasets, events, health, jobs, labelers, presets, task_logs, uploads, webhooks
from service.http.security_headers import SecurityHeadersMiddleware
from service.http.stopping import StopMiddleware

# A stop waits no longer than this: streams of events, for example, end only with their job or their reader.
GRACEFUL_SECONDS = 5

API_KEY = HTTPBearer(scheme_name="api_key", description="Not needed until the first key is made.", auto_error=False)
"""For the document; `AccessMiddleware` asks for the key, before the body is read."""

_log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; nothing is connected to until it starts. `settings` default to the environment's."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        core = open_core(settings)
        job_versions = JobVersions(core)
        stop = threading.Event()
        keeper = threading.Thread(target=_keep_house, args=(core, stop), name="housekeeping", daemon=True)
        threads = [keeper, *deliverer_threads(core, stop)]
        for thread in threads:
            thread.start()
        try:
            yield {"core": core, "key_ring": KeyRing(core), "job_versions": job_versions, "form_slots": FormSlots()}
        finally:
            stop.set()
            await run_in_threadpool(_join, threads)
            await job_versions.close()

    def body_limit(scope: Scope) -> int:
        if scope["path"] in (datasets.PATH, labelers.PATH):
            return settings.max_upload_bytes + FORM_OVERHEAD_BYTES
        return MAX_JSON_BYTES

    app = FastAPI(
        title="LADD",
        summary="Label-Augmented Dataset Distillation as a service",
        version=openapi.VERSION,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        generate_unique_id_function=openapi.operation_id,
        redirect_slashes=False,
        openapi_url=None,
    )
    app.add_middleware(BodyLimitMiddleware, limit=body_limit)
    app.add_middleware(PollMiddleware)
    app.add_middleware(RateLimitMiddleware)
    app.add_middleware(AccessMiddleware, open_without_keys=is_loopback(settings.host))
    app.add_middleware(StopMiddleware)
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(ForwardedMiddleware, root_path=settings.root_path, allow_ips=settings.forwarded_allow_ips)
    problems.install(app)
    for routes in (uploads, datasets, labelers, jobs, compare, events, task_logs, presets, webhooks):
        app.include_router(
            routes.router,
            dependencies=[Security(API_KEY), Depends(refuse_unknown_query)],
            responses=problems.refusals(ErrorCode.UNAUTHENTICATED, ErrorCode.FORBIDDEN, ErrorCode.INVALID_REQUEST),
        )
    app.include_router(health.router)
    docs_page.install(app, settings)
    app.state.settings = settings
    for pages in PAGES:
        app.include_router(pages, dependencies=[Depends(refuse_unknown_query)])
    openapi.install(app)
    return app


def _join(threads: Sequence[threading.Thread]) -> None:
    ends = time.monotonic() + GRACEFUL_SECONDS
    for thread in threads:
        thread.join(max(0, ends - time.monotonic()))


def _keep_house(core: Core, stop: threading.Event) -> None:
    """Prepare storage and Redis as soon as they answer, then reap until `stop`."""
    while not stop.is_set():
        try:
            core.storage.ensure_bucket()
            core.storage.allow_pages()
            adopt(core.redis, (redis_keys.DATASETS, redis_keys.LABELERS, redis_keys.JOBS))
        except (ServiceError, *OUTAGES) as error:
            _log.warning("the servers are not there yet: %s", error)
            stop.wait(core.settings.reaper_seconds)
        else:
            run_reaper(core, stop)
