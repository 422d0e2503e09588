"""Query parameters that a route does not have are named, not passed over."""

import httpx
import pytest


@pytest.mark.parametrize(
    ("url", "name", "hint"),
    [
        ("/v1/jobs?stat=running", "stat", "did you mean state?"),
        ("/v1/datasets?limt=3&limit=3", "limt", "did you mean limit?"),
        ("/v1/presets?verbose=1", "verbose", "it takes none"),
        ("/v1/labelers?role=source", "role", "it takes created_after, created_before, cursor"),
        ("/v1/jobs/job_01m8f0jxmne272tprv159ks3x9?waitt=1", "waitt", "/v1/jobs/"),
    ],
)
def test_an_unknown_parameter_is_refused(standing_api: httpx.Client, url: str, name: str, hint: str) -> None:
    answer = standing_api.get(url)
    assert answer.status_code == 422, answer.text
    [reason] = answer.json()["reasons"]
    assert (reason["location"], reason["rule"]) == (f"query.{name}", "known_parameter")
    assert hint in reason["message"]


def test_each_is_named_and_known_ones_pass(standing_api: httpx.Client) -> None:
    answer = standing_api.get("/v1/jobs?a=1&b=2&limit=1&tag=x:y&tag=z:w")
    assert [reason["location"] for reason in answer.json()["reasons"]] == ["query.a", "query.b"]
    assert standing_api.get("/v1/jobs?limit=1&tag=x:y&tag=z:w").status_code == 200
    assert standing_api.post("/v1/jobs?dry=1", json={}).status_code == 422
