"""Where log lines of the front go, and that each carries the id of its request."""

from typing import Any

from service.core.redaction import TALKATIVE, RedactingFormatter


def configuration(level: str) -> dict[str, Any]:
    """Return the `logging.config` document for `level`, such as `INFO`: one line per record on stderr."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": "service.http.request_id.RequestIdFilter"}},
        "formatters": {
            "line": {
                "()": RedactingFormatter,
                "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "filters": ["request_id"],
                "formatter": "line",
            }
        },
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {name: {"level": "INFO"} for name in ("uvicorn.access", *TALKATIVE)},
    }
