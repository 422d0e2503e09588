"""boto3's errors as ours."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError

ABSENT = {"404", "NoSuchKey", "NotFound"}


HINTS = {
    "NoSuchBucket": "there is no such bucket (LADD_S3_BUCKET)",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "RequestExpired": "the clock of this machine is wrong",
    "InvalidAccessKeyId": "the access key is not known there (LADD_S3_ACCESS_KEY)",
    "SignatureDoesNotMatch": "the secret key is wrong (LADD_S3_SECRET_KEY)",
    "AccessDenied": "the access key may not do this",
    "403": "the keys, their rights or the clock of this machine are wrong",
}
"""The likely cause of a refusal by its code, for whoever runs the service."""


def code_of(error: ClientError) -> str:
    """Return the service's own code of an error; the status where an answer without body gives none."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def passing_over(codes: Collection[str]) -> Iterator[None]:
    """Leave the block, and go on behind it, when the service answers with one of these codes."""
    try:
        yield
    except ClientError as error:
        if code_of(error) not in codes:
            raise


@contextmanager
def answers(what: str) -> Iterator[None]:
    """Turn boto3's errors into ours, naming what was asked for."""
    try:
        yield
    except ClientError as error:
        if code_of(error) in ABSENT:
            raise ServiceError(ErrorCode.NOT_FOUND, f"The object storage has no {what}.") from error
        code = code_of(error)
        told = f"{code}, {HINTS[code]}" if code in HINTS else code
        raise ServiceError(ErrorCode.UNAVAILABLE, f"The object storage refused {what}: {told}.") from error
    except (BotoCoreError, boto3.exceptions.Boto3Error) as error:
        raise ServiceError(ErrorCode.UNAVAILABLE, f"The object storage does not answer for {what}: {error}") from error
