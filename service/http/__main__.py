"""Runs the front: `python -m service.http`, configured by `LADD_*` variables."""

import gc
import sys
from contextlib import closing

import uvicorn

from service.core.clients import open_core
from service.core.foundation.errors import OUTAGES, ServiceError
from service.core.foundation.settings import Settings, settings_of_environment
from service.core.resources import api_keys
from service.http.access import is_loopback
from service.http.app import GRACEFUL_SECONDS, create_app
from service.http.connections import Connection
from service.http.logs import configuration


def main() -> None:
    """Serve until told to stop."""
    settings = settings_of_environment()
    if not is_loopback(settings.host):
        _require_a_key(settings)
    app = create_app(settings)
    # Imported modules stay; a full collection that looks through them stops every request for a tenth of a second.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=configuration(settings.log_level),
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        http=Connection,
        server_header=False,
        proxy_headers=False,  # `ForwardedMiddleware` reads them, and has to see who sent them
    )


def _require_a_key(settings: Settings) -> None:
    """End the program unless there is a key: other machines would be let in without one."""
    try:
        with closing(open_core(settings)) as core:
            core.storage.ensure_bucket()
            found = api_keys.stored(core.storage)
    except (ServiceError, *OUTAGES) as error:
        sys.exit(f"cannot tell whether there is an API key, so {settings.host} is not listened on: {error}")
    if not found:
        sys.exit(
            f"{settings.host} is not loopback and there is no API key yet; make one first: "
            "python -m service.keys create --name NAME --scopes read,write"
        )


if __name__ == "__main__":
    main()
