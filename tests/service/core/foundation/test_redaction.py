"""Log lines lose their secrets and keep the rest."""

import logging

import pytest

from service.core.foundation.redaction import RedactingFormatter, redacted
from service.core.resources.api_keys import PREFIX

KEY = PREFIX + "a-_d" + "efghijkl-mnop_qrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (f"GET /v1/jobs?key={KEY}&limit=1", "GET /v1/jobs?key=ladd_a-_d***&limit=1"),
        (f"Authorization: Bearer {KEY}", "Authorization: Bearer ladd_a-_d***"),
        (
            "http://s3/b/k?X-Amz-Credential=a%2Fb&X-Amz-Signature=00ff&x=1",
            "http://s3/b/k?X-Amz-Credential=***&X-Amz-Signature=***&x=1",
        ),
        ("next=http%3A%2F%2Fs3%3FX-Amz-Signature%3D00ff&x=1", "next=http%3A%2F%2Fs3%3FX-Amz-Signature%3D***&x=1"),
        ("AWS4-HMAC-SHA256 Credential=id, Signature=00ff", "AWS4-HMAC-SHA256 Credential=id, Signature=***"),
        ("secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=, next", "secret whsec_***, next"),
        ("job_01m84f74jwe001nxhnzag56334 in ladd_worker", "job_01m84f74jwe001nxhnzag56334 in ladd_worker"),
    ],
)
def test_secrets_are_blotted_out_and_the_rest_stays(written: str, read: str) -> None:
    assert redacted(written) == read


def test_arguments_and_tracebacks_are_looked_at_too(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError(f"cannot parse {KEY}")
    except ValueError:
        logging.getLogger("ours").exception("for %s", KEY)
    text = RedactingFormatter("%(message)s").format(caplog.records[-1])
    assert KEY not in text
    assert text.count("ladd_a-_d***") == 2
