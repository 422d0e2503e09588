"""The configurations of proxies in docs/operations.md: complete, and run where the proxy is installed."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
FRONT = "127.0.0.1:8000"
NGINX = """
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off; client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{ listen 127.0.0.1:{port}; {snippet} }}
}}
"""
CADDY = "{{\nadmin off\n}}\n{snippet}"
OPTIONS = {
    "nginx": ["-p", "{folder}", "-c", "{folder}/config"],
    "caddy": ["run", "--adapter", "caddyfile", "--config", "{folder}/config"],
}


def snippet(proxy: str) -> str:
    (found,) = re.findall(rf"```{proxy}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(params=["nginx", "caddy"])
def proxied(api: httpx.Client, port: int, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of a real proxy before the front, by the page's configuration."""
    binary = shutil.which(request.param)
    if binary is None:
        pytest.skip(f"{request.param} is not installed")
    front = urlsplit(str(api.base_url)).netloc
    given = snippet(request.param).replace(FRONT, front).replace("labels.example", f"http://127.0.0.1:{port}")
    (tmp_path / "config").write_text((NGINX if request.param == "nginx" else CADDY).format(port=port, snippet=given))
    command = [binary, *(each.format(folder=tmp_path) for each in OPTIONS[request.param])]
    process = subprocess.Popen(command, env={"HOME": str(tmp_path), "PATH": "/usr/bin"})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/ladd", timeout=30, trust_env=False) as client:
            deadline = time.monotonic() + 30
            while not _answers(client):
                assert process.poll() is None, "the proxy has ended"
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.wait(10)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


def test_nginx_is_told_to_replace_every_header_that_is_believed() -> None:
    for name in ("For", "Proto", "Host", "Prefix"):
        assert f"proxy_set_header X-Forwarded-{name} " in snippet("nginx")
    assert "header_up X-Forwarded-Prefix /ladd" in snippet("caddy")


def test_links_lead_through_the_proxy_whatever_its_caller_says(proxied: httpx.Client, port: int) -> None:
    form: list[tuple[str, Any]] = [
        ("metadata", (None, json.dumps({"name": "a set", "role": "source"}))),
        ("files", ("a.pt", b"1")),
    ]
    spoofed = {"X-Forwarded-Host": "elsewhere.example", "X-Forwarded-Prefix": "/x", "X-Forwarded-Proto": "https"}
    made = proxied.post("/v1/datasets", files=form, headers=spoofed)
    assert made.status_code == 202
    here = f"http://127.0.0.1:{port}/ladd/v1/"
    for each in (made.headers["Location"], made.json()["links"]["self"], made.json()["links"]["job"]):
        assert each.startswith(here)
        assert proxied.get(each).status_code == 200
    with proxied.stream("GET", f"{made.json()['links']['job']}/events") as stream:
        assert any(line.startswith("event: state") for line in stream.iter_lines())
    assert proxied.get("/openapi.json").json()["servers"] == [{"url": here.removesuffix("/v1/")}]
