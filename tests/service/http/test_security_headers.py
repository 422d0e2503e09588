"""Headers that tell a browser what it must not do with our answers."""

import base64
import hashlib
import re
from typing import Any

import httpx
import pytest

from service.core.foundation.settings import Settings
from service.http.security_headers import storage_origin

EVERYWHERE = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}


@pytest.mark.parametrize(
    "path", ["/livez", "/docs", "/openapi.json", "/nowhere", "/v1/jobs", "/v1/jobs/none", "/static-offline-docs/x"]
)
def test_every_answer_has_them(standing_api: httpx.Client, path: str) -> None:
    headers = standing_api.get(path).headers
    assert {name: headers[name] for name in EVERYWHERE} == EVERYWHERE
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert (headers.get("Cache-Control") == "no-store") == path.startswith("/v1/")


def directives(answer: httpx.Response) -> dict[str, list[str]]:
    parts = (part.split() for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in parts}


def source_of(inline: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"


def test_the_documentation_runs_its_own_scripts_alone(standing_api: httpx.Client) -> None:
    answer = standing_api.get("/docs")
    (inline,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    assert directives(answer)["script-src"] == ["'self'", source_of(inline)]


def test_a_report_runs_nothing_and_has_its_figures_in_itself(api: httpx.Client, worker: Any) -> None:
    source = worker.ready_set("source")
    train = {"kind": "train_labeler", "params": {"source_dataset": source}}
    job = api.post("/v1/jobs", json=train).json()["id"]
    worker.train_labeler(job)
    labeler = api.get(f"/v1/jobs/{job}").json()["result"]["labeler"]
    params = {"dataset": worker.ready_set(source_dataset=source), "labeler": labeler}
    job = api.post("/v1/jobs", json={"kind": "generate_labels", "params": params}).json()["id"]
    worker.write_labels(job)
    answer = api.get(f"/v1/jobs/{job}/report.html")
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert "<script" not in answer.text
    policy = directives(answer)
    assert policy["default-src"] == ["'none'"]
    assert "script-src" not in policy
    assert policy["style-src"] == [source_of(style)]
    assert policy["img-src"] == ["data:"]
    assert "sandbox" in policy
    assert "<svg " in answer.text
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)', answer.text))


def test_the_storage_is_the_one_that_links_name(settings: Settings) -> None:
    for public, expected in [
        ("https://s3.example:9000/path", "https://s3.example:9000"),
        (None, settings.s3_endpoint_url),
    ]:
        assert storage_origin(settings.model_copy(update={"s3_public_endpoint_url": public})) == expected
    assert storage_origin(Settings(s3_endpoint_url=None, s3_public_endpoint_url=None)) == "https:"
