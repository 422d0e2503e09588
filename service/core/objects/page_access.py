"""Whether a browser may send files from a page straight to the storage, which is of another origin (CORS)."""

import json
import logging
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RULES: dict[str, Any] = {
    "CORSRules": [
        {
            # A presigned link is the right to use it, and names of pages differ from place to place.
            "AllowedOrigins": ["*"],
            "AllowedMethods": ["GET", "HEAD", "PUT"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 3600,
        }
    ]
}
"""What a bucket needs; one that has rules of its own keeps them."""

_log = logging.getLogger(__name__)


def allow_pages(client: "S3Client", bucket: str) -> bool:
    """Set the rules unless the bucket has some, and return whether it has now.

    Where that is refused the log says what to set by hand; pages then send files through the service.
    """
    try:
        if _has_rules(client, bucket):
            return True
        client.put_bucket_cors(Bucket=bucket, CORSConfiguration=RULES)  # type: ignore[arg-type]
    except (BotoCoreError, ClientError) as error:
        _log.warning(
            "bucket %s takes no CORS rules from us (%s), so pages send large files through the service; set these to "
            "let them go straight to the storage: %s",
            bucket,
            error,
            json.dumps(RULES),
        )
        return False
    return True


def _has_rules(client: "S3Client", bucket: str) -> bool:
    try:
        return bool(client.get_bucket_cors(Bucket=bucket)["CORSRules"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "NoSuchCORSConfiguration":
            return False
        raise
