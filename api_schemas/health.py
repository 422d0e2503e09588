"""Health answers."""

from api_schemas.base import Response


class Liveness(Response):
    """The process answers."""

    status: str


class Readiness(Response):
    """Whether each thing the front depends on answers: name -> `ok` or what went wrong."""

    status: str
    checks: dict[str, str]
