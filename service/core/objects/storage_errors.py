"""boto3's errors as ours."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError

ABSENT = {"404", "NoSuchKey", "NotFound"}


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
        raise ServiceError(ErrorCode.UNAVAILABLE, f"The object storage refused {what}: {code_of(error)}.") from error
    except (BotoCoreError, boto3.exceptions.Boto3Error) as error:
        raise ServiceError(ErrorCode.UNAVAILABLE, f"The object storage does not answer for {what}: {error}") from error
