from typing import Any

import httpx

from service.core.settings import Settings
from service.http.app import create_app


def test_alive_and_ready(api: httpx.Client) -> None:
    assert api.get("/livez").json() == {"status": "ok"}
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert ready.json()["checks"]["redis"] == ready.json()["checks"]["s3"] == "ok"


def test_without_redis_it_is_alive_but_not_ready(settings: Settings, serve: Any, nowhere: str) -> None:
    with serve(create_app(settings.model_copy(update={"redis_url": f"redis://{nowhere}/0"}))) as api:
        assert api.get("/livez").status_code == 200
        ready = api.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["status"] == "unavailable"
        assert ready.json()["checks"]["redis"] != "ok"
        assert ready.json()["checks"]["s3"] == "ok"
