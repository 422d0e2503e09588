"""`ladd doctor`: what is well, what is not, and how each is mended."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from ladd_client import doctor
from ladd_client.doctor import Outcome

from api_schemas.health import Readiness
from service.core.clients import Core
from service.core.queue import workers
from service.core.queue.workers import Sign
from service.core.resources.api_keys import Scope

Ladd = Callable[..., Any]


def checks(result: Any) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(result.stdout)["checks"]}


@pytest.fixture
def examined(ladd: Ladd) -> Callable[[], tuple[int, dict[str, dict[str, Any]]]]:
    def examine() -> tuple[int, dict[str, dict[str, Any]]]:
        result = ladd("doctor", "--json")
        assert json.loads(result.stdout)["well"] == (result.exit_code == 0)
        return result.exit_code, checks(result)

    return examine


def test_all_is_well_but_what_browsers_need(ladd: Ladd, examined: Any, worker: Any, client: Any) -> None:
    code, found = examined()
    assert code == 0
    assert {name for name, check in found.items() if check["outcome"] != "ok"} <= {"cors"}
    here, inside = {"disk", "service", "clock"}, {"redis", "s3", "redis_memory", "reaper", "workers", "queues"}
    assert set(found) == here | inside | {"devices", "key", "upload", "storage clock", "cors"}
    assert found["devices"]["message"] == "a worker of cpu, gpu, io on cpu is fit"
    text = ladd("doctor").stdout.splitlines()
    assert text[0].startswith("ok    disk           ")
    assert len(text) == len(found) + sum(check["mend"] is not None for check in found.values())
    # The upload that was tried is gone.
    assert list(client._transport.request("GET", "/v1/datasets", repeatable=True).json()["items"]) == []


def test_a_bucket_with_a_rule_for_browsers_passes(core: Core, examined: Any, server: str) -> None:
    rule: Any = {"AllowedOrigins": [server], "AllowedMethods": ["PUT", "GET"], "AllowedHeaders": ["*"]}
    bucket = core.settings.s3_bucket
    core.storage._client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    try:
        assert examined()[1]["cors"]["outcome"] == "ok"
        rule["AllowedOrigins"] = ["http://elsewhere.example"]
        core.storage._client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
        refused = examined()[1]["cors"]
    finally:
        core.storage._client.delete_bucket_cors(Bucket=bucket)
    assert (refused["outcome"], server in refused["mend"]) == ("warn", True)


def test_links_that_lead_nowhere_fail_and_name_the_setting(examined: Any, worker: Any, s3_proxy: Any) -> None:
    dataset = worker.upload()
    worker.ingest(dataset, preview=b"picture")
    _, found = examined()
    assert (found["download"]["outcome"], found["upload"]["outcome"]) == ("ok", "ok")
    s3_proxy.close()
    code, found = examined()
    assert code == 1
    for name in ("download", "upload"):
        assert found[name]["outcome"] == "fail"
        assert s3_proxy.url.removeprefix("http://") in found[name]["message"]
        assert "LADD_S3_PUBLIC_ENDPOINT_URL" in found[name]["mend"]


def test_a_worker_in_trouble_fails_and_none_at_all_is_a_warning(core: Core, examined: Any) -> None:
    code, found = examined()
    assert (code, found["devices"]["outcome"], "python -m workers" in found["devices"]["mend"]) == (0, "warn", True)
    workers.beat(core.redis, "host:1:ab", Sign({"gpu": 1}, "the device cuda:0 computes wrong", device="cuda"))
    code, found = examined()
    assert (code, found["devices"]["outcome"], found["workers"]["outcome"]) == (1, "fail", "fail")
    assert "gpu on cuda takes no task: the device cuda:0 computes wrong" in found["devices"]["message"]


def test_a_key_that_is_wrong_or_may_only_read_is_told(
    ladd: Ladd, examined: Any, worker: Any, make_key: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = make_key("acme", Scope.READ)
    code, found = examined()
    assert (code, found["key"]["outcome"], "ladd login" in found["key"]["mend"]) == (1, "fail", True)
    assert "upload" not in found
    monkeypatch.setenv("LADD_API_KEY", secret)
    code, found = examined()
    assert (code, found["key"]["outcome"], found["upload"]["outcome"]) == (0, "ok", "warn")
    assert secret not in json.dumps(found)


def test_what_the_service_finds_wrong_with_its_redis_fails(core: Core, examined: Any) -> None:
    core.redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        code, found = examined()
    finally:
        core.redis.config_set("maxmemory-policy", "noeviction")
    assert (code, found["redis_memory"]["outcome"], found["redis"]["outcome"]) == (1, "fail", "ok")
    assert "noeviction" in found["redis_memory"]["mend"]


def test_a_service_that_is_not_there_ends_it(local_ladd: Ladd) -> None:
    result = local_ladd("--url", "http://127.0.0.1:9", "doctor", "--json")
    found = checks(result)
    assert (result.exit_code, list(found)) == (1, ["disk", "service"])
    assert "LADD_URL" in found["service"]["mend"]


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(0, Outcome.OK), (-40, Outcome.OK), (90, Outcome.WARN), (-1000, Outcome.FAIL)]
)
def test_clocks_are_compared(seconds: float, outcome: Outcome) -> None:
    told = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    check = doctor._clock("clock", httpx.Response(200, headers={"Date": told}), "these")
    assert check.outcome is outcome
    assert doctor._clock("clock", httpx.Response(200), "these").outcome is Outcome.WARN


def test_a_full_disk_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._room().outcome is Outcome.OK
    monkeypatch.setattr(doctor, "ROOM_BYTES", 1 << 80)
    assert doctor._room().outcome is Outcome.WARN


def test_another_release_is_a_warning() -> None:
    def release(version: str | None) -> doctor.Check:
        return doctor._release(Readiness(status="ok", checks={}, version=version))

    assert release(None).outcome is Outcome.OK
    assert (release("99.0").outcome, release("99.0").mend) == (Outcome.WARN, "pip install ladd-client==99.0")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr("ladd_client.cli_doctor.webbrowser.open", seen.append)
    return seen


def test_pages_are_opened_and_their_addresses_printed(ladd: Ladd, server: str, worker: Any, opened: list[str]) -> None:
    job = worker.start_ladd()
    dataset = job.params["dataset"]
    pages = {"": "/", job.id: f"/jobs/{job.id}", dataset: f"/sets/{dataset}"}
    for identifier, page in pages.items():
        assert ladd("open", *filter(None, [identifier])).stdout == f"{server}{page}\n"
    worker.run_ladd(job)
    assert json.loads(ladd("open", job.id, "--json").stdout) == {"url": f"{server}/jobs/{job.id}/report"}
    assert opened[:3] == [f"{server}{page}" for page in pages.values()]
    assert ladd("open", "job_" + "0" * 26).exit_code == 1
