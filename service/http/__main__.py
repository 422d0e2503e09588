"""Runs the front: `python -m service.http`, configured by `LADD_*` variables."""

import uvicorn

from service.core.settings import Settings
from service.http.app import GRACEFUL_SECONDS, create_app
from service.http.logs import configuration


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=configuration(settings.log_level),
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        server_header=False,
    )


if __name__ == "__main__":
    main()
