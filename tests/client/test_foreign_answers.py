"""Refusals that are not the API's: one sentence, with the status and who gave it."""

import httpx
import pytest
from ladd_client.foreign_answers import refusal

URL = "https://labels.example/ladd/v1/datasets?X-Amz-Signature=secret"
HTML = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>...</body></html>"
XML = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Request has expired</Message><RequestId>1</RequestId></Error>"""


@pytest.mark.parametrize(
    ("status", "headers", "body", "told"),
    [
        (
            413,
            {"Server": "nginx/1.27.0", "Content-Type": "text/html"},
            HTML,
            "413 Request Entity Too Large by nginx/1.27.0",
        ),
        (502, {"Server": "cloudflare"}, f"\n<!DOCTYPE html>{HTML}", "502 Bad Gateway by cloudflare"),
        (504, {}, "", "504 Gateway Timeout by a server that does not name itself"),
        (403, {"Server": "MinIO", "Content-Type": "application/xml"}, XML, "403 Forbidden by MinIO"),
        (503, {"Server": "envoy"}, "upstream connect error\nor disconnect", "503 Service Unavailable by envoy"),
        (529, {"Server": "x"}, '{"error": "overloaded"}', "529  by x"),
    ],
)
def test_it_is_told_in_one_sentence(status: int, headers: dict[str, str], body: str, told: str) -> None:
    response = httpx.Response(status, headers=headers, request=httpx.Request("POST", URL))
    error = refusal(response, body.encode())
    said = str(error)
    assert error.status == status
    assert said.startswith(f"POST https://labels.example/ladd/v1/datasets was answered {told}, not by the service")
    assert "\n" not in said
    assert "<" not in said
    assert "secret" not in said


def test_what_is_no_page_is_quoted() -> None:
    request = httpx.Request("GET", URL)
    told = [
        str(refusal(httpx.Response(403, request=request), body)).rpartition(": ")[2]
        for body in (XML.encode(), b"no\n way")
    ]
    assert told == ["AccessDenied, Request has expired", "no way"]
    assert len(str(refusal(httpx.Response(500, request=request), b"x" * 10_000))) < 400
