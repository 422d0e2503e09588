"""Health answers."""

from api_schemas.base import Response


class Liveness(Response):
    """The process answers."""

    status: str


class Readiness(Response):
    """Whether requests can be served, and what is wrong with the rest."""

    status: str
    """`ok`; `degraded`: requests are served, but something of `checks` is wrong; `unavailable`: this front cannot reach
    Redis or S3 (status 503)."""
    checks: dict[str, str]
    """Name -> `ok` or what is wrong: `redis`, `s3`, `redis_memory` (full, or may drop jobs), `reaper`, `workers` (those
    that take no task at the moment, and why), `queues` (with tasks that no worker takes)."""
