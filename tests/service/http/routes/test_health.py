"""`/livez` and `/readyz`, with servers and without."""

from typing import Any

import httpx

from service.core.clients import Core
from service.core.foundation.settings import Settings
from service.http.app import create_app


def test_alive_at_once_and_ready_soon(api: httpx.Client, wait_until: Any) -> None:
    assert api.get("/livez").json() == {"status": "ok"}
    wait_until(lambda: api.get("/readyz").status_code == 200)
    ready = api.get("/readyz").json()
    assert ready["status"] == "ok"
    assert ready["checks"]["redis"] == ready["checks"]["s3"] == "ok"


def test_without_redis_it_is_alive_but_not_ready(settings: Settings, serve: Any, nowhere: str) -> None:
    with serve(create_app(settings.model_copy(update={"redis_url": f"redis://{nowhere}/0"}))) as api:
        assert api.get("/livez").status_code == 200
        ready = api.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["status"] == "unavailable"
        assert ready.json()["checks"]["redis"] != "ok"
        assert ready.json()["checks"]["s3"] == "ok"


def test_a_full_redis_is_no_reason_to_leave_the_rotation_and_is_told_as_full(
    core: Core, api: httpx.Client, upload: Any, wait_until: Any
) -> None:
    wait_until(lambda: api.get("/readyz").json()["status"] == "ok")
    core.redis.config_set("maxmemory", 1)
    try:
        ready, refused = api.get("/readyz"), upload()
    finally:
        core.redis.config_set("maxmemory", 0)
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert "is full" in ready.json()["checks"]["redis_memory"]
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "is full" in refused.json()["detail"]
