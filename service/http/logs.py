"""Where log lines of the front go, and that each carries the id of its request."""

import logging
from typing import Any

from service.core.foundation.redaction import TALKATIVE, RedactingFormatter


class WithoutUnchanged(logging.Filter):
    """Keeps answers 304 out of the access log: polls by the thousand that found nothing new."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written."""
        return not (isinstance(record.args, tuple) and record.args[-1:] == (304,))


def configuration(level: str) -> dict[str, Any]:
    """Return the `logging.config` document for `level`, such as `INFO`: one line per record on stderr.

    At `DEBUG` answers 304 are logged, too.
    """
    access = {"level": "INFO", "filters": [] if level.upper() == "DEBUG" else ["without_unchanged"]}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_id": {"()": "service.http.request_id.RequestIdFilter"},
            "without_unchanged": {"()": WithoutUnchanged},
        },
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
        "loggers": {"uvicorn.access": access} | {name: {"level": level} for name, level in TALKATIVE.items()},
    }
