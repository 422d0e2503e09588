import httpx


def test_root_leads_to_the_documentation(api: httpx.Client) -> None:
    answer = api.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (307, "/docs")
    assert "swagger" in api.get("/docs").text


def test_openapi_is_served(api: httpx.Client) -> None:
    assert api.get("/openapi.json").json()["info"]["title"] == "LADD"
