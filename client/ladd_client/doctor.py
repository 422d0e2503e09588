"""What `ladd doctor` looks at, from here to the workers: one `Check` for each thing, with how to mend it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import httpx

from api_schemas.datasets import DatasetPage
from api_schemas.health import Readiness
from api_schemas.uploads import Upload
from ladd_client.api import LaddClient
from ladd_client.auth import origin
from ladd_client.errors import ClientError, ProblemError
from ladd_client.transport import Transport, parsed

CLOCK_WARN_SECONDS = 60
CLOCK_FAIL_SECONDS = 900
"""S3 refuses signatures whose time is 15 minutes off (`RequestTimeTooSkewed`)."""
ROOM_BYTES = 1 << 30
MEND = {
    "redis": "start Redis, or set LADD_REDIS_URL of front and workers",
    "s3": "start the storage, or set LADD_S3_ENDPOINT_URL and its keys",
    "redis_memory": "give Redis more memory (maxmemory) and maxmemory-policy noeviction",
    "reaper": "a front or worker does that: see its log, restart it",
    "workers": "see the log of the worker; python -m workers.health tells the same on its machine",
    "queues": "start a worker with that queue among its LADD_WORKER_QUEUES",
}
"""By the name of a check of `/readyz`."""


class Outcome(StrEnum):
    """`warn`: it works, but not for everybody or not for long."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One line of the doctor's."""

    name: str
    outcome: Outcome
    message: str
    mend: str | None = None


def examine(client: LaddClient) -> Iterator[Check]:
    """Look at one thing after another; what depends on a thing that failed is left out."""
    transport = client._transport
    yield _room()
    try:
        answer = transport.http.get("/readyz")
        readiness = parsed(Readiness, answer)
    except (httpx.TransportError, ClientError) as error:
        mend = "start it, or say where it is: --url, LADD_URL, ladd login"
        yield Check("service", Outcome.FAIL, f"no answer from {client.base_url}: {error or type(error).__name__}", mend)
        return
    yield _release(readiness)
    yield _clock("clock", answer, "this machine's and the service's")
    for name, said in readiness.checks.items():
        outcome = Outcome.OK if said == "ok" else Outcome.FAIL
        yield Check(name, outcome, said, None if said == "ok" else MEND.get(name))
    yield from _workers(readiness)
    refused = _admission(transport)
    yield refused or Check("key", Outcome.OK, "the service lets this client in")
    if refused is None:
        yield from _storage(transport)


def _room() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    message = f"{free / 2**30:.1f} GiB are free here, where downloads go by default"
    if free < ROOM_BYTES:
        return Check("disk", Outcome.WARN, message, "make room, or name another folder: ladd download -o")
    return Check("disk", Outcome.OK, message)


def _release(readiness: Readiness) -> Check:
    try:
        ours = version("ladd-client")
    except PackageNotFoundError:
        ours = None
    message = f"service {readiness.version or 'of unknown release'}, client {ours or 'of unknown release'}"
    if None in (ours, readiness.version) or ours == readiness.version:
        return Check("service", Outcome.OK, message)
    return Check("service", Outcome.WARN, message, f"pip install ladd-client=={readiness.version}")


def _clock(name: str, answer: httpx.Response, whose: str) -> Check:
    try:
        told = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return Check(name, Outcome.WARN, "the answer carries no readable Date, so clocks cannot be compared")
    apart = abs((datetime.now(UTC) - told).total_seconds())
    message = f"{whose} clock are {apart:.0f} s apart"
    mend = "set both clocks (NTP): links to the storage are refused when they are 15 minutes apart"
    if apart >= CLOCK_WARN_SECONDS:
        return Check(name, Outcome.FAIL if apart >= CLOCK_FAIL_SECONDS else Outcome.WARN, message, mend)
    return Check(name, Outcome.OK, message)


def _workers(readiness: Readiness) -> Iterator[Check]:
    """Devices test themselves when a worker starts and after a failure; the sign of life tells how that went."""
    if not readiness.workers and readiness.version is not None:
        mend = "start one: python -m workers"
        yield Check("devices", Outcome.WARN, "there is no worker: jobs are taken and wait", mend)
    for worker in readiness.workers:
        about = f"a worker of {', '.join(worker.queues)} on {worker.device}"
        if worker.trouble is None:
            yield Check("devices", Outcome.OK, f"{about} is fit")
        else:
            yield Check("devices", Outcome.FAIL, f"{about} takes no task: {worker.trouble}", MEND["workers"])


def _admission(transport: Transport) -> Check | None:
    """Ask for a list, as a page of the service's own origin would; None when it is given."""
    url = httpx.URL(transport.base_url)
    scheme, host, port = origin(url)
    own = f"{scheme}://{host}" if url.port is None else f"{scheme}://{host}:{port}"
    try:
        transport.request("GET", "/v1/jobs", repeatable=True, params={"limit": 1})
        transport.request("GET", "/v1/jobs", repeatable=True, params={"limit": 1}, headers={"Origin": own})
    except ProblemError as error:
        mend = "get a key (python -m service.keys create --name NAME on the service's machine), then: ladd login"
        return Check("key", Outcome.FAIL, error.problem.detail, mend)
    except ClientError as error:
        return Check("key", Outcome.FAIL, str(error), None)
    return None


def _storage(transport: Transport) -> Iterator[Check]:
    """Fetch a byte by a link that downloads have, where there is a set, and send one by a link that uploads have."""
    try:
        ready = transport.request("GET", "/v1/datasets", repeatable=True, params={"state": "ready", "limit": 1})
        for dataset in parsed(DatasetPage, ready).items:
            preview = transport.request("GET", f"/v1/datasets/{dataset.id}/preview.png", repeatable=True)
            yield _link(transport, "download", "GET", preview.headers["Location"], headers={"Range": "bytes=0-0"})[0]
        body = {"name": "ladd-doctor", "bytes": 1}
        upload = parsed(Upload, transport.request("POST", "/v1/uploads", repeatable=True, json=body))
    except ClientError as error:
        mend = "a key with the scope `write` can look further"
        yield Check("upload", Outcome.WARN, f"there is no link to try: {error}", mend)
        return
    try:
        link = str(upload.parts[0].url)
        check, answer = _link(transport, "upload", "PUT", link, content=b"x")
        yield check
        if answer is not None and check.outcome is Outcome.OK:
            yield _clock("storage clock", answer, "this machine's and the storage's")
            yield _cors(transport, link)
    finally:
        transport.request("DELETE", f"/v1/uploads/{upload.id}", repeatable=True)


def _link(
    transport: Transport, name: str, method: str, link: str, **options: Any
) -> tuple[Check, httpx.Response | None]:
    """Use a presigned link as it is meant; None where nothing answers."""
    host = httpx.URL(link).netloc.decode()
    try:
        answer = transport.http.request(method, link, **options)
    except httpx.TransportError as error:
        mend = "set LADD_S3_PUBLIC_ENDPOINT_URL of the front to an address of the storage that callers reach"
        return Check(name, Outcome.FAIL, f"links lead to {host}, which does not answer: {error}", mend), None
    if answer.is_error:
        mend = "a proxy before the storage must keep the Host header and the path; clocks must be right"
        message = f"{host} refuses a link of the service ({answer.status_code}): {answer.text[:200].strip()}"
        return Check(name, Outcome.FAIL, message, mend), answer
    return Check(name, Outcome.OK, f"links lead to {host}, which answers a {method}"), answer


def _cors(transport: Transport, link: str) -> Check:
    """Ask as a browser does before a page of the service may send a file to the storage."""
    host = httpx.URL(link).netloc.decode()
    where = httpx.URL(transport.base_url)
    page = f"{where.scheme}://{where.netloc.decode()}"
    headers = {"Origin": page, "Access-Control-Request-Method": "PUT"}
    try:
        answer = transport.http.options(link, headers=headers)
    except httpx.TransportError as error:
        return Check("cors", Outcome.WARN, f"{host} does not answer what browsers ask: {error}")
    allowed = answer.headers.get("Access-Control-Allow-Origin")
    methods = answer.headers.get("Access-Control-Allow-Methods", "")
    if answer.is_success and allowed in ("*", page) and ("PUT" in methods or "*" in methods):
        return Check("cors", Outcome.OK, f"pages of {page} may send files to {host}")
    mend = f"a CORS rule on the bucket: AllowedOrigins {page}, AllowedMethods GET and PUT, ExposeHeaders ETag"
    return Check("cors", Outcome.WARN, f"browsers may not send files from pages of {page} to {host}", mend)
