"""For receivers of webhooks: whether a message is the service's, by Standard Webhooks."""

import hmac
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from api_schemas.signatures import ID, SIGNATURE, TIMESTAMP, sign
from ladd_client.errors import ClientError

TOLERANCE_SECONDS = 300
"""How far the clocks of sender and receiver may be apart, and how old a message may be: as in the libraries of Standard
Webhooks."""


class VerificationError(ClientError):
    """A message that is not to be trusted: answer it with 400, and do nothing."""


def verify(
    headers: Mapping[str, str], body: bytes | str, secret: str, tolerance: float = TOLERANCE_SECONDS
) -> dict[str, Any]:
    """Return the payload of a message: `type`, `timestamp` and `data`.

    `body` is what was received, byte for byte; `tolerance` is in seconds. The comparison takes the same time whatever
    it finds. Raises VerificationError, and ValueError for a secret that is none.
    """
    sent = {name.lower(): value for name, value in headers.items()}
    if missing := [name for name in (ID, TIMESTAMP, SIGNATURE) if not sent.get(name)]:
        raise VerificationError(f"the message lacks the header {missing[0]}")
    if not re.fullmatch("[0-9]{1,12}", sent[TIMESTAMP]):
        raise VerificationError(f"{TIMESTAMP} is not a number of seconds: {sent[TIMESTAMP][:40]!r}")
    timestamp, content = int(sent[TIMESTAMP]), body.encode() if isinstance(body, str) else body
    if abs(time.time() - timestamp) > tolerance:
        raise VerificationError(f"{TIMESTAMP} is more than {tolerance:.0f} s from now: old, or a wrong clock")
    expected = sign(secret, sent[ID], timestamp, content).encode()
    # None is left out once one has matched: how long this takes tells nothing.
    matches = [hmac.compare_digest(expected, each.encode()) for each in sent[SIGNATURE].split(" ")]
    if not any(matches):
        raise VerificationError(f"none of {SIGNATURE} is by this secret")
    payload: dict[str, Any] = json.loads(content)
    return payload
