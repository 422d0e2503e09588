import httpx


def test_root_leads_to_the_documentation(standing_api: httpx.Client) -> None:
    answer = standing_api.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (307, "/docs")
    assert "swagger" in standing_api.get("/docs").text


def test_openapi_is_served(standing_api: httpx.Client) -> None:
    assert standing_api.get("/openapi.json").json()["info"]["title"] == "LADD"
