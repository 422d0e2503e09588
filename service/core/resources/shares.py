"""Links to one report that whoever has them may read, for a while: signed, so that nothing need be kept of them."""

import hmac
import secrets
import time
from dataclasses import dataclass

from api_schemas.problems import ErrorCode
from service.core.clients import Core
from service.core.foundation.errors import ServiceError

SECRET = "sharing/secret.json"
"""Where the storage has what links are signed with; deleting it ends them all."""
SECONDS = 30 * 86_400


@dataclass(frozen=True)
class Share:
    """The report of a job of a tenant, until a time (seconds since 1970)."""

    job: str
    tenant: str
    until: int


def share(core: Core, job_id: str, tenant: str) -> tuple[Share, str]:
    """Return what a link opens, and its signature."""
    opened = Share(job_id, tenant, int(time.time()) + SECONDS)
    return opened, _signature(core, opened)


def opened_by(core: Core, shared: Share, signature: str) -> Core:
    """Return the core as the tenant of the link sees it. Raises ServiceError NOT_FOUND for a link that opens nothing.

    One that has ended and one that was never made are told apart by nobody.
    """
    if shared.until < time.time() or not hmac.compare_digest(signature.encode(), _signature(core, shared).encode()):
        raise ServiceError(ErrorCode.NOT_FOUND, "This link opens nothing: it has ended, or is not whole.")
    return core.acting_for(shared.tenant)


def _signature(core: Core, shared: Share) -> str:
    text = f"{shared.job} {shared.tenant} {shared.until}"
    return hmac.new(_secret(core).encode(), text.encode(), "sha256").hexdigest()


def _secret(core: Core) -> str:
    found = core.storage.get_json(SECRET)
    if found is None:
        # Of two fronts that begin together one stores its own, and both read that.
        core.storage.put_json(SECRET, {"secret": secrets.token_urlsafe(32)}, if_absent=True)
        found = core.storage.get_json(SECRET)
    assert found is not None
    return str(found["secret"])
