"""Downloads that pick up where they broke off."""

from collections.abc import Callable
from pathlib import Path

import httpx

from ladd_client.errors import ClientError
from ladd_client.form import ProgressCallback
from ladd_client.transport import Transport, unreachable


def fetch(
    transport: Transport, url: str, known_as: str, destination: str | Path, on_progress: ProgressCallback | None
) -> Path:
    """Download what the API redirects to from `url` and what never changes, and return where it lies.

    `known_as` tells a part that an earlier call has fetched apart from parts of other files.
    """
    destination = Path(destination)

    def locate() -> str:
        return transport.request("GET", url, repeatable=True).headers["Location"]

    part = destination.with_name(f"{destination.name}.{known_as}.part")
    download(transport, locate, part, destination, on_progress)
    return destination


def download(
    transport: Transport,
    locate: Callable[[], str],
    part: Path,
    destination: Path,
    on_progress: ProgressCallback | None = None,
) -> None:
    """Fetch into `part`, asking only for what is missing there, then rename it to `destination`.

    `locate` gives a fresh URL for each try, since presigned ones expire. `part` must only ever hold a beginning
    of this very file. Gives up after `transport.attempts` tries in a row that brought nothing.
    """
    failures = 0
    while True:
        before = _size(part)
        try:
            if _fetch_rest(transport, locate(), part, on_progress):
                part.replace(destination)
                return
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


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
