"""Whether an S3 service keeps its word about `If-None-Match`: some answer 501, some write all the same."""

import logging
import secrets
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from service.core.objects.storage_errors import answers, code_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PRESENT = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}
UNKNOWN = {"501", "NotImplemented"}

logger = logging.getLogger(__name__)


def writes_once(client: "S3Client", bucket: str) -> bool:
    """Try whether an object that is there is left alone by `If-None-Match: *`; says so in the log where it is not.

    Raises ServiceError UNAVAILABLE.
    """
    key = f"health/{secrets.token_hex(8)}"
    with answers(key):
        try:
            client.put_object(Bucket=bucket, Key=key, Body=b"")
            client.put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
            found = "writes all the same"
        except ClientError as error:
            if code_of(error) in PRESENT:
                return True
            if code_of(error) not in UNKNOWN:
                raise
            found = f"answers {code_of(error)}"
        finally:
            client.delete_object(Bucket=bucket, Key=key)
    logger.warning(
        "the object storage %s to If-None-Match: what is written once is looked for before it is written, so that of "
        "two writers in the same moment the second may win",
        found,
    )
    return False
