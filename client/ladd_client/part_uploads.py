"""Uploads in parts, straight to the storage, that pick up where they broke off."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from api_schemas.uploads import Upload, UploadPart, UploadState
from ladd_client.errors import ClientError, ProblemError
from ladd_client.form import ProgressCallback
from ladd_client.transport import Transport, parsed

RESUME_DIRECTORY = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ladd" / "uploads"

SENDERS = 4
"""Parts on their way at a time."""
PIECE_BYTES = 256 << 10
PARTS_AT_ONCE = 32
"""Links fetched at a time: they expire."""
PASSES = 3
"""How often links that have expired are fetched again without one part arriving."""
COMPLETE_SECONDS = 900
"""The service reads the whole file for its digest."""


class PartUploads:
    """Sends files and remembers, in small files of `directory`, under which ids."""

    def __init__(self, transport: Transport, directory: Path, part_bytes: int | None) -> None:
        self._transport = transport
        self._directory = directory
        self._part_bytes = part_bytes

    def send(self, files: Sequence[Path], on_progress: ProgressCallback | None) -> list[str]:
        """Send what the service lacks of each file and return their upload ids. Raises `ClientError`."""
        total = sum(path.stat().st_size for path in files)
        done = 0
        ids = []
        for path in files:
            upload = self._remembered(path) or self._announced(path)
            if upload.state is not UploadState.COMPLETE:
                for sent in self._send_parts(path, upload.id):
                    done += sent
                    if on_progress is not None:
                        on_progress(done, total)
                complete = f"/v1/uploads/{upload.id}/complete"
                self._transport.request("POST", complete, repeatable=True, timeout=COMPLETE_SECONDS)
            else:
                done += upload.bytes
            ids.append(upload.id)
        return ids

    def forget(self, files: Sequence[Path]) -> None:
        """Remove the notes on files: their uploads have been used."""
        for path in files:
            self._note(path).unlink(missing_ok=True)

    def _send_parts(self, path: Path, upload_id: str) -> Iterator[int]:
        """Send the parts that have not arrived, yielding the bytes of each one that has."""
        arrived: set[int] = set()
        fruitless = 0
        with ThreadPoolExecutor(SENDERS) as pool:
            while fruitless < PASSES:
                before = len(arrived)
                complete = True
                after: int | None = 0
                while after is not None:
                    page = self._get(upload_id, after)
                    after = page.next_after
                    answers = pool.map(partial(self._send_part, path, page.part_bytes), page.parts)
                    for part, has_arrived in zip(page.parts, answers, strict=True):
                        complete = complete and has_arrived
                        if has_arrived and part.number not in arrived:
                            arrived.add(part.number)
                            yield part.bytes
                if complete:
                    return
                fruitless = 0 if len(arrived) > before else fruitless + 1
        raise ClientError(f"the storage refuses the links to send {path.name} to: are its clock and ours right?")

    def _send_part(self, path: Path, part_bytes: int, part: UploadPart) -> bool:
        def pieces() -> Iterator[bytes]:
            with path.open("rb") as file:
                file.seek((part.number - 1) * part_bytes)
                for start in range(0, part.bytes, PIECE_BYTES):
                    wanted = min(PIECE_BYTES, part.bytes - start)
                    piece = file.read(wanted)
                    if len(piece) != wanted:
                        raise ClientError(f"{path} has become shorter while it was sent")
                    yield piece

        return part.received or self._transport.put(str(part.url), part.bytes, pieces)

    def _get(self, upload_id: str, after: int) -> Upload:
        query = {"after": after, "limit": PARTS_AT_ONCE}
        response = self._transport.request("GET", f"/v1/uploads/{upload_id}", repeatable=True, params=query)
        return parsed(Upload, response)

    def _remembered(self, path: Path) -> Upload | None:
        """Return the upload that an earlier call has begun, None when the service has it no more."""
        try:
            noted = json.loads(self._note(path).read_text())
            return self._get(noted["id"], 0)
        except FileNotFoundError:
            return None
        except ProblemError as error:
            if error.problem.status == 404:
                return None
            raise

    def _announced(self, path: Path) -> Upload:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        body = {"name": path.name, "bytes": path.stat().st_size, "sha256": digest, "part_bytes": self._part_bytes}
        response = self._transport.request("POST", "/v1/uploads", repeatable=True, json=body)
        upload = parsed(Upload, response)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._note(path).write_text(json.dumps({"id": upload.id, "file": str(path.resolve())}))
        return upload

    def _note(self, path: Path) -> Path:
        """Return where the upload of a file is noted: a file that has changed is another one."""
        found = path.stat()
        named = [self._transport.base_url, str(path.resolve()), found.st_size, found.st_mtime_ns]
        return self._directory / f"{hashlib.sha256(json.dumps(named).encode()).hexdigest()[:32]}.json"
