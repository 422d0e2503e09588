"""Whether what the front depends on answers."""

from api_schemas.health import Readiness
from service.core.core import Core


def check(core: Core) -> Readiness:
    """Ask Redis, the object storage (a write and a delete) and the reaper's last sign; never raises.

    `status` is `ok`, or `unavailable` when a check of `checks` is not `ok`.
    """
    raise NotImplementedError
