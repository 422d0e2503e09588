"""What a receiver may trust: a message that was signed with its secret, a moment ago, and not changed since."""

import time
from typing import Any

import pytest
from ladd_client.webhooks import VerificationError, verify

from api_schemas.signatures import sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
PUBLISHED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(**changed: str) -> dict[str, str]:
    now = round(time.time())
    sent = {"id": ID, "timestamp": str(now), "signature": sign(SECRET, ID, now, BODY)} | changed
    return {f"webhook-{name}": value for name, value in sent.items()}


def test_the_published_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1614265330.0 + 299)
    sent = headers(timestamp="1614265330", signature=PUBLISHED)
    assert verify(sent, BODY, SECRET) == {"test": 2432232314}


def test_names_of_headers_are_written_in_any_way_and_one_signature_is_enough() -> None:
    sent = headers()
    sent["webhook-signature"] = f"v1a,abc {sign(OTHER, ID, 1, BODY)} {sent['webhook-signature']}"
    assert verify({name.title(): value for name, value in sent.items()}, BODY.decode(), SECRET)["test"] == 2432232314


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"id": "msg_other"}, "by this secret"),
        ({"signature": ""}, "lacks the header webhook-signature"),
        ({"signature": "v1"}, "by this secret"),
        ({"signature": PUBLISHED}, "by this secret"),
        ({"signature": f"v2,{PUBLISHED[3:]}"}, "by this secret"),
        ({"timestamp": "soon"}, "not a number"),
        ({"timestamp": "-1"}, "not a number"),
        ({"timestamp": "9" * 5000}, "not a number"),
        ({"timestamp": "٣"}, "not a number"),
        ({"timestamp": str(round(time.time()) - 400)}, "more than 300 s"),
        ({"timestamp": str(round(time.time()) + 1400)}, "more than 300 s"),
    ],
)
def test_what_is_not_trusted(changed: dict[str, str], told: str) -> None:
    with pytest.raises(VerificationError, match=told):
        verify(headers(**changed), BODY, SECRET)


@pytest.mark.parametrize(("body", "secret"), [(BODY + b" ", SECRET), (BODY, OTHER)])
def test_another_body_or_secret(body: bytes, secret: str) -> None:
    with pytest.raises(VerificationError, match="by this secret"):
        verify(headers(), body, secret)


def test_a_time_of_its_own_choice() -> None:
    then = round(time.time()) - 400
    sent = headers(timestamp=str(then), signature=sign(SECRET, ID, then, BODY))
    assert verify(sent, BODY, SECRET, tolerance=500)


def test_a_secret_that_is_none_is_the_receivers_mistake() -> None:
    sent: Any = headers()
    with pytest.raises(ValueError, match="whsec_"):
        verify(sent, BODY, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
