"""Downloads that pick up where they broke off."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx

from ladd_client.errors import ClientError
from ladd_client.form import ProgressCallback
from ladd_client.transport import Transport, unreachable

DIGEST_HEADER = "X-Linked-SHA256"
"""Beside a `Location` in the storage: the digest of what lies there, in hex."""


def fetch(
    transport: Transport, url: str, known_as: str, destination: str | Path, on_progress: ProgressCallback | None
) -> Path:
    """Download what the API redirects to from `url` and what never changes, and return where it lies.

    `known_as` tells a part that an earlier call has fetched apart from parts of other files.
    """
    destination = Path(destination)

    def locate() -> httpx.Response:
        return transport.request("GET", url, repeatable=True)

    part = destination.with_name(f"{destination.name}.{known_as}.part")
    download(transport, locate, part, destination, on_progress)
    return destination


def download(
    transport: Transport,
    locate: Callable[[], httpx.Response],
    part: Path,
    destination: Path,
    on_progress: ProgressCallback | None = None,
) -> None:
    """Fetch into `part`, asking only for what is missing there, then rename it to `destination`.

    `locate` gives a fresh answer of the API that leads there for each try, since presigned links expire; `part` must
    only ever hold a beginning of this very file. Gives up after `transport.attempts` tries in a row that brought
    nothing. Raises `ClientError` where what arrived has not the digest that the API tells, after it was removed: where
    a part of an earlier call was taken up, all is fetched once more before.
    """
    failures = 0
    resumed = part.exists()
    while True:
        before = _size(part)
        try:
            link = locate()
            if _fetch_rest(transport, link.headers["Location"], part, on_progress):
                if _is_sound(part, link.headers.get(DIGEST_HEADER)):
                    part.replace(destination)
                    return
                part.unlink()
                if not resumed:
                    raise ClientError(f"{destination.name} arrived damaged and was removed: fetch it again")
                resumed = False
        except httpx.TransportError as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= transport.attempts:
                raise unreachable(error, "the storage") from error
            transport.pause(failures)


def _fetch_rest(transport: Transport, url: str, part: Path, on_progress: ProgressCallback | None) -> bool:
    """Append what is missing; true when the part is complete."""
    have = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with transport.stream(url, headers=headers, allowed=(416,)) as response:
        if response.status_code == 416:
            # Nothing is left to send: the part is the whole file, or more than it and so not ours.
            if response.headers.get("Content-Range") == f"bytes */{have}":
                return True
            part.unlink()
            return False
        resumed = response.status_code == 206
        if not resumed:
            have = 0
        length = response.headers.get("Content-Length")
        if length is None:
            raise ClientError(f"the storage did not say how long {part.name} is")
        total = have + int(length)
        with part.open("ab" if resumed else "wb") as file:
            for piece in response.iter_raw():
                file.write(piece)
                have += len(piece)
                if on_progress is not None:
                    on_progress(have, total)
    return True


def _is_sound(part: Path, sha256: str | None) -> bool:
    """Compare the digest, where the service tells one: earlier versions do not."""
    if sha256 is None:
        return True
    with part.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
