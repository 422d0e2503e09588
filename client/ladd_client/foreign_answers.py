"""Refusals that are not the API's: of a proxy, which sends a page for browsers, or of the storage, which sends XML."""

import re
from http import HTTPStatus

import httpx

from ladd_client.errors import AnswerError

_LONGEST = 200
_OF_STORAGE = re.compile(r"<Code>([^<]*)</Code>(?:.*?<Message>([^<]*)</Message>)?", re.DOTALL)


def refusal(response: httpx.Response, body: bytes) -> AnswerError:
    """Return what an answer says, in one sentence with its status and who gave it."""
    status = response.status_code
    phrase = next((known.phrase for known in HTTPStatus if known == status), response.reason_phrase)
    # The query of a presigned URL is a credential: it stays out of messages.
    address = response.url.copy_with(query=None)
    who = response.headers.get("Server") or "a server that does not name itself"
    said = _said(response.headers.get("Content-Type", ""), body.decode(errors="replace"))
    answered = f"{response.request.method} {address} was answered {status} {phrase} by {who}, not by the service"
    return AnswerError(status, f"{answered}: {said}" if said else answered)


def _said(media_type: str, text: str) -> str:
    """Return what a body adds to the status: nothing where it is a page."""
    if "html" in media_type or text.lstrip()[:5].lower() in ("<html", "<!doc"):
        return ""
    coded = _OF_STORAGE.search(text)
    if coded is not None:
        return ", ".join(filter(None, coded.groups()))
    return " ".join(text.split())[:_LONGEST]
