"""The application's work beside answering."""

import re
from urllib.parse import urljoin

import httpx


def test_root_is_the_first_page_and_leads_to_the_documentation(standing_api: httpx.Client) -> None:
    assert 'href="/docs"' in standing_api.get("/").text
    assert standing_api.get("/docs").status_code == 200


def test_the_documentation_needs_no_other_server(standing_api: httpx.Client) -> None:
    page = standing_api.get("/docs").text
    files = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(files) == 3
    for file in files:
        assert "//" not in file
        assert standing_api.get(urljoin("/docs", file)).status_code == 200


def test_openapi_is_served(standing_api: httpx.Client) -> None:
    assert standing_api.get("/openapi.json").json()["info"]["title"] == "LADD"
