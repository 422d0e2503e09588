"""The id of a request, from header to log line."""

import httpx
import pytest


def test_request_id_is_echoed(standing_api: httpx.Client) -> None:
    answer = standing_api.get("/livez", headers={"X-Request-ID": "abc-123"})
    assert answer.headers.get_list("X-Request-ID") == ["abc-123"]


@pytest.mark.parametrize("sent", [None, "", "x" * 65, "two words", "a;b", "<script>"])
def test_missing_and_ill_formed_ids_are_replaced(standing_api: httpx.Client, sent: str | None) -> None:
    given = [
        standing_api.get("/livez", headers={} if sent is None else {"X-Request-ID": sent}).headers["X-Request-ID"]
        for _ in range(2)
    ]
    assert sent not in given
    assert given[0] != given[1]
    assert all(len(request_id) == 32 for request_id in given)
