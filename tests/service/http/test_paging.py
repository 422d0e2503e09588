"""A page says where the next one is, with all that was asked for."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from api_schemas.base import Page
from service.http.paging import paged

JSON = {"Accept": "application/json"}


def walked(api: httpx.Client, url: str) -> list[list[str]]:
    """Ids by page, following `Link` as any client of HTTP does."""
    pages = []
    while url:
        answer = api.get(url, headers=JSON)
        page = answer.json()
        pages.append([item["id"] for item in page["items"]])
        url = answer.links.get("next", {}).get("url", "")
        assert (page["links"]["next"] or "") == url
        assert (page["next_cursor"] is None) == (not url)
    return pages


@pytest.fixture
def five(upload: Callable[..., httpx.Response]) -> list[dict[str, Any]]:
    """Sets, newest first; three of them of the role `source`."""
    made = [upload(role="source" if number % 2 else "distilled", name=f"set {number}").json() for number in range(1, 6)]
    return made[::-1]


def test_links_lead_through_a_listing_with_its_filters(api: httpx.Client, five: list[dict[str, Any]]) -> None:
    ids = [each["id"] for each in five]
    assert walked(api, "/v1/datasets?limit=2") == [ids[:2], ids[2:4], ids[4:]]
    assert walked(api, "/v1/datasets?limit=2&role=source&state=validating") == [[ids[0], ids[2]], [ids[4]]]
    assert walked(api, "/v1/datasets?limit=5") == [ids]
    jobs = [each["job"] for each in five]
    assert walked(api, "/v1/jobs?kind=ingest_dataset&limit=3") == [jobs[:3], jobs[3:]]
    assert walked(api, "/v1/labelers") == [[]]


def test_repeated_filters_stay_repeated(api: httpx.Client, five: list[dict[str, Any]]) -> None:
    first = api.get("/v1/jobs", params={"limit": 1}).links["next"]["url"]
    assert first.startswith("/v1/jobs?limit=1&cursor=")
    again = api.get("/v1/jobs?limit=1&tag=a:b%26c&tag=d:e&cursor=job_" + "z" * 26)
    assert (again.status_code, again.links, again.json()["links"]) == (200, {}, {"next": None})


def test_a_page_of_events_leads_to_the_next(api: httpx.Client, five: list[dict[str, Any]]) -> None:
    job = five[0]["job"]
    api.post(f"/v1/jobs/{job}/cancel")
    whole = [item["id"] for item in api.get(f"/v1/jobs/{job}/events", headers=JSON).json()["items"]]
    assert len(whole) > 1
    pages = walked(api, f"/v1/jobs/{job}/events?limit=1")
    assert [each for page in pages for each in page] == whole


def test_a_hostile_query_cannot_break_out_of_the_header() -> None:
    query = b'limit=1&tag=a:">;%0d%0aX: y, <http://elsewhere.example>'
    scope = {"type": "http", "path": "/v1/jobs", "query_string": query, "headers": [], "server": ("here", 80)}
    answer = paged(Request(scope), Page(next_cursor="job_1"))
    sent = answer.headers["Link"]
    assert sent.startswith("</v1/jobs?limit=1&tag=a%3A%22%3E%3B%0D%0AX%3A+y%2C+%3Chttp")
    assert sent.endswith('&cursor=job_1>; rel="next"')
    assert (sent.count("<"), sent.count(">")) == (1, 1)
