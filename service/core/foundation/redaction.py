"""Log lines without secrets, also of those that somebody has put where they do not belong, such as an address."""

import logging
import re

_SECRET = re.compile(
    r"(?P<key>ladd_[A-Za-z0-9_-]{4})[A-Za-z0-9_-]{20,}"
    r"|(?P<webhook>whsec_)[A-Za-z0-9+/]{20,}=*"
    r"|(?P<parameter>\b(?:X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|Signature)(?:=|%3D))[^&\s\"',]+",
    re.IGNORECASE,
)
"""API keys, of which the beginning stays to tell them apart, secrets of webhooks, and what makes a presigned link or a
request of S3 one."""

TALKATIVE = {
    **dict.fromkeys(("boto3", "botocore", "s3transfer", "urllib3", "httpcore"), logging.INFO),
    "httpx": logging.WARNING,
}
"""Loggers that tell headers and links, those of others' webhooks included, and below which level they do not go."""


class RedactingFormatter(logging.Formatter):
    """Formats a record, its traceback included, and then blots secrets out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return redacted(super().format(record))


def redacted(text: str) -> str:
    """Return the text with `***` in place of every secret."""
    return _SECRET.sub(lambda found: f"{found['key'] or found['webhook'] or found['parameter']}***", text)
