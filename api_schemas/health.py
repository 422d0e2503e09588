"""Health answers."""

from api_schemas.base import Response


class Liveness(Response):
    """The process answers."""

    status: str


class WorkerHealth(Response):
    """A worker that has given a sign of life within the last minute."""

    device: str
    """`cpu` or `cuda`."""
    queues: list[str]
    trouble: str | None
    """Why it takes no task: its device failed the test of itself, its disk is full, the storage does not answer."""


class Readiness(Response):
    """Whether requests can be served, and what is wrong with the rest."""

    status: str
    """`ok`; `degraded`: requests are served, but something of `checks` is wrong; `unavailable`: this front cannot reach
    Redis or S3 (status 503)."""
    checks: dict[str, str]
    """Name -> `ok` or what is wrong: `redis`, `s3`, `redis_memory` (full, or may drop jobs), `reaper`, `workers` (those
    that take no task at the moment, and why), `queues` (with tasks that no worker takes)."""
    version: str | None = None
    """The release of this front; null where it is run without being installed."""
    workers: list[WorkerHealth] = []
    """Empty while Redis is away, too."""
