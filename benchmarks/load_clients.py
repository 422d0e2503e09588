"""Callers by the hundred in one process, over raw sockets: polls with ETag, event streams, uploads.

Prints one JSON document at the end. Started by `load.py`, apart from what measures the service's memory.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

ANSWER_SECONDS = 60
ARRIVAL_SECONDS = 5
"""Time over which the callers that poll or follow begin, as people do; then the uploads begin, all at once."""
PIECE = 256 << 10


@dataclass
class Seen:
    """The answers that the callers of one process met."""

    polls: int = 0
    unchanged: int = 0
    answered: list[tuple[float, float]] = field(default_factory=list)
    """Of polls: when it began (the system's monotonic clock) and the milliseconds until its answer."""
    errors: list[str] = field(default_factory=list)
    streams_open: int = 0
    uploads: int = 0
    refusals: int = 0
    upload_seconds: list[float] = field(default_factory=list)
    last_upload: float = 0
    """When it had ended; 0: there was none."""


@dataclass(frozen=True)
class Where:
    """The service."""

    host: str
    port: int

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_connection(self.host, self.port)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Read an answer whose body, if any, has a length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    await reader.readexactly(int(headers.get("content-length", "0")))
    return int(head[0].split()[1]), headers


async def poll(where: Where, job_id: str, until: float, seen: Seen) -> None:
    """Ask for a job once a second, on one connection, as long as the time lasts; a late answer delays no later call."""
    await asyncio.sleep(random.uniform(0, ARRIVAL_SECONDS))
    etag = ""
    reader, writer = await where.connect()
    due = time.monotonic()
    while due < until:
        try:
            asked = f"If-None-Match: {etag}\r\n" if etag else ""
            began = time.monotonic()
            writer.write(f"GET /v1/jobs/{job_id} HTTP/1.1\r\nHost: {where.host}\r\n{asked}\r\n".encode())
            status, headers = await asyncio.wait_for(_answer(reader), ANSWER_SECONDS)
        except Exception as error:  # any of them is a finding
            seen.errors.append(f"poll: {type(error).__name__}: {error}")
            reader, writer = await where.connect()
        else:
            # The first answer has a whole body; those after it are what a poll is.
            if etag:
                seen.answered.append((began, 1000 * (time.monotonic() - began)))
            seen.polls += 1
            seen.unchanged += status == 304
            if status not in (200, 304):
                seen.errors.append(f"poll: {status}")
            etag = headers.get("etag", "")
        due += 1
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    writer.close()


async def follow(where: Where, job_id: str, until: float, seen: Seen) -> None:
    """Keep a stream of events open; one that ends early is an error."""
    await asyncio.sleep(random.uniform(0, ARRIVAL_SECONDS))
    reader, writer = await where.connect()
    writer.write(
        f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: {where.host}\r\nAccept: text/event-stream\r\n\r\n".encode()
    )
    status = (await reader.readuntil(b"\r\n")).split()[1]
    if status != b"200":
        seen.errors.append(f"stream: {status.decode()}")
        return
    seen.streams_open += 1
    while (left := until - time.monotonic()) > 0:
        try:
            if not await asyncio.wait_for(reader.read(65536), left):
                seen.errors.append("stream: ended")
                return
        except TimeoutError:
            break
    writer.close()


async def upload(where: Where, size: int, seen: Seen) -> None:
    """Send a file in a form, again for as long as the service says that it is busy."""
    metadata = json.dumps({"name": "load", "role": "distilled"})
    head = (
        f'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{metadata}\r\n--b\r\n'
        f'Content-Disposition: form-data; name="files"; filename="load.pt"\r\n\r\n'
    ).encode()
    tail = b"\r\n--b--\r\n"
    length = len(head) + size + len(tail)
    await asyncio.sleep(ARRIVAL_SECONDS)
    began = time.monotonic()
    while True:
        reader, writer = await where.connect()
        writer.write(
            f"POST /v1/datasets HTTP/1.1\r\nHost: {where.host}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            f"Content-Length: {length}\r\nConnection: close\r\n\r\n".encode()
            + head
        )
        sending = asyncio.create_task(_send(writer, size, tail))
        try:
            status, headers = await _answer(reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            # Refused while the body is under way, the connection may break before the answer is read.
            status, headers = 503, {"retry-after": "5"}
            if not isinstance(error, ConnectionError | asyncio.IncompleteReadError):
                raise
        finally:
            sending.cancel()
            writer.close()
        if status not in (429, 503):
            break
        seen.refusals += 1
        await asyncio.sleep(float(headers["retry-after"]) * random.uniform(0.5, 1))
    seen.uploads += status == 202
    seen.last_upload = time.monotonic()
    seen.upload_seconds.append(seen.last_upload - began)
    if status != 202:
        seen.errors.append(f"upload: {status}")


async def _send(writer: asyncio.StreamWriter, size: int, tail: bytes) -> None:
    piece = random.randbytes(PIECE)
    try:
        for _ in range(size // PIECE):
            writer.write(piece)
            await writer.drain()
        writer.write(tail)
        await writer.drain()
    except OSError:
        # The reader tells what the service has answered.
        return


async def _all(work: dict[str, object], job_ids: Sequence[str]) -> Seen:
    split = urlsplit(str(work["url"]))
    where = Where(split.hostname or "", split.port or 80)
    until = time.monotonic() + float(str(work["seconds"]))
    seen = Seen()
    tasks = [poll(where, random.choice(job_ids), until, seen) for _ in range(int(str(work.get("polls", 0))))]
    tasks += [follow(where, random.choice(job_ids), until, seen) for _ in range(int(str(work.get("streams", 0))))]
    tasks += [upload(where, int(str(work["upload_bytes"])), seen) for _ in range(int(str(work.get("uploads", 0))))]
    await asyncio.gather(*tasks)
    return seen


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(asdict(asyncio.run(_all(asked, asked["jobs"])))))
