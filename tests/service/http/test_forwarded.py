"""Behind a proxy on a sub-path: every link leads back through it, and nobody but a named proxy is believed."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from service.core.foundation.settings import Settings
from service.http.app import create_app
from tests.reverse_proxy import reverse_proxy

FORM: list[tuple[str, Any]] = [
    ("metadata", (None, json.dumps({"name": "a set", "role": "source"}))),
    ("files", ("a.pt", b"1")),
]
PUBLIC = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost:8443", "X-Forwarded-Prefix": "/ladd"}


@pytest.fixture
def behind(settings: Settings, serve: Any) -> Iterator[Any]:
    """Make a client of a proxy at `/ladd` that sends `headers` to a front with other settings."""
    with ExitStack() as stack:

        def start(headers: dict[str, str], cuts: bool = True, **changed: Any) -> httpx.Client:
            front = stack.enter_context(serve(create_app(settings.model_copy(update=changed))))
            address = stack.enter_context(reverse_proxy(str(front.base_url), "/ladd", headers, cuts=cuts))
            return stack.enter_context(httpx.Client(base_url=f"{address}/ladd", timeout=30, trust_env=False))

        yield start


def links(answer: httpx.Response) -> list[str]:
    return [link for link in answer.json()["links"].values() if link is not None]


@pytest.mark.parametrize("cuts", [True, False])
@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-Prefix": "/ladd"}])
def test_every_link_leads_back_through_the_proxy(behind: Any, headers: dict[str, str], cuts: bool) -> None:
    client = behind(headers, cuts, root_path="" if headers else "/ladd")
    made = client.post("/v1/datasets", files=FORM)
    job = client.get(f"/v1/jobs/{made.json()['job']}")
    upload = client.post("/v1/uploads", json={"name": "a.pt", "bytes": 1})
    followed = [made.headers["Location"], upload.headers["Location"], *links(made), *links(job), *links(upload)]
    for each in followed:
        assert each.startswith("/ladd/v1/"), each
    assert all(
        client.get(urljoin(str(client.base_url), each), headers={"Accept": "application/json"}).status_code == 200
        for each in followed
        if not each.endswith(("/cancel", "/retry", "/complete"))
    )
    refusal = client.get("/v1/datasets/none")
    assert refusal.json()["instance"] == "/ladd/v1/datasets/none"


def test_links_are_whole_addresses_where_the_proxy_tells_its_own(behind: Any) -> None:
    client = behind(PUBLIC)
    made = client.post("/v1/datasets", files=FORM)
    for each in (made.headers["Location"], *links(made)):
        assert each.startswith("https://localhost:8443/ladd/v1/")
    assert client.get("/openapi.json").json()["servers"] == [{"url": "https://localhost:8443/ladd"}]
    assert 'href="https://localhost:8443/ladd/docs"' in client.get("/").text


def test_the_documentation_is_whole_below_a_prefix(behind: Any) -> None:
    client = behind({}, root_path="/ladd")
    assert client.get("/openapi.json").json()["servers"] == [{"url": "/ladd"}]
    page = client.get("/").text
    for address in re.findall(r'(?:href|src)="(/[^"]*)"', page):
        assert client.get(urljoin(str(client.base_url), address)).status_code == 200, address
    here = urljoin(str(client.base_url), "/ladd/docs")
    page = client.get(here).text
    named = [*re.findall(r'(?:src|href)="([^"]*)"', page), *re.findall(r"url: '([^']*)'", page)]
    assert len(named) == 4
    for each in named:
        assert client.get(urljoin(here, each)).status_code == 200


def test_events_come_as_they_happen_through_the_proxy(behind: Any) -> None:
    client = behind({}, root_path="/ladd")
    made = client.post("/v1/datasets", files=FORM).json()
    with client.stream("GET", urljoin(str(client.base_url), f"{made['links']['job']}/events")) as stream:
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert any(line.startswith("event: state") for line in stream.iter_lines())


def test_without_a_proxy_links_are_paths(api: httpx.Client) -> None:
    made = api.post("/v1/datasets", files=FORM)
    assert made.headers["Location"] == f"/v1/datasets/{made.json()['id']}" == made.json()["links"]["self"]
    assert "servers" not in api.get("/openapi.json").json()


def test_a_caller_that_is_no_named_proxy_is_not_believed(behind: Any) -> None:
    client = behind(PUBLIC | {"X-Forwarded-For": "10.1.2.3"}, forwarded_allow_ips="10.0.0.0/8", root_path="/own")
    made = client.post("/v1/datasets", files=FORM)
    # A front without keys would turn away a caller from elsewhere.
    assert made.status_code == 202
    assert made.headers["Location"].startswith("/own/v1/datasets/")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Forwarded-Host", 'evil"><script>'),
        ("X-Forwarded-Host", "user@elsewhere.example"),
        ("X-Forwarded-Host", "elsewhere.example/path"),
        ("X-Forwarded-Prefix", "//elsewhere.example"),
        ("X-Forwarded-Prefix", "elsewhere"),
        ("X-Forwarded-Prefix", "/a b"),
        ("X-Forwarded-Proto", "javascript"),
    ],
)
def test_what_is_no_host_prefix_or_scheme_is_left_out(api: httpx.Client, name: str, value: str) -> None:
    made = api.post("/v1/uploads", json={"name": "a.pt", "bytes": 1}, headers={name: value})
    assert made.headers["Location"].startswith("/v1/uploads/")


def test_of_a_list_the_nearest_proxys_word_counts(api: httpx.Client) -> None:
    headers = {"X-Forwarded-Host": "elsewhere.example, localhost:8443", "X-Forwarded-Proto": "https"}
    made = api.post("/v1/uploads", json={"name": "a.pt", "bytes": 1}, headers=headers)
    assert made.headers["Location"].startswith("https://localhost:8443/v1/uploads/")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Forwarded-Host": "localhost:8443", "X-Forwarded-Proto": "https", "Origin": "https://localhost:8443"}, 200),
        ({"X-Forwarded-Host": "localhost:8443", "Origin": "https://elsewhere.example"}, 403),
        ({"X-Forwarded-Host": "elsewhere.example"}, 403),
        ({"Host": "elsewhere.example", "X-Forwarded-Host": "localhost"}, 403),
    ],
)
def test_without_keys_a_proxy_on_this_machine_serves_this_machine(
    api: httpx.Client, headers: dict[str, str], status: int
) -> None:
    assert api.get("/v1/jobs", headers=headers).status_code == status
