"""Errors on the wire: RFC 9457 `application/problem+json` with a stable `code`."""

from enum import StrEnum

from api_schemas.base import Response


class ErrorCode(StrEnum):
    """Stable names of what can go wrong; clients switch on these, never on the text."""

    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    QUOTA_EXCEEDED = "quota_exceeded"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    INVALID_REQUEST = "invalid_request"
    UPLOAD_INCOMPLETE = "upload_incomplete"
    UPLOAD_TOO_LARGE = "upload_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    NOT_ACCEPTABLE = "not_acceptable"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    PRECONDITION_FAILED = "precondition_failed"
    DATASET_NOT_READY = "dataset_not_ready"
    DATASET_IN_USE = "dataset_in_use"
    LABELER_IN_USE = "labeler_in_use"
    JOB_IN_USE = "job_in_use"
    NO_ARCHIVE = "no_archive"
    JOB_NOT_FINISHED = "job_not_finished"
    JOB_NOT_CANCELABLE = "job_not_cancelable"
    JOB_NOT_RETRYABLE = "job_not_retryable"
    NO_REPORT = "no_report"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    # of tasks; `timeout` also of a request whose body stops arriving
    REJECTED_INPUT = "rejected_input"
    WORKER_LOST = "worker_lost"
    RUNNER_FAILED = "runner_failed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    DEVICE_FAILED = "device_failed"


class ErrorOrigin(StrEnum):
    """The party that can do something about it: the sender of the input, the operator of the workers, or us."""

    INPUT = "input"
    WORKER = "worker"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


class Reason(Response):
    """One broken rule: which file or field, which rule, which value."""

    location: str
    """File name or JSON path of the field, e.g. `labels.pt` or `body.params.views.ratio`."""
    rule: str
    """Stable name of the rule, e.g. `labels_match_images`."""
    value: str | None
    """The offending value as text, shortened."""
    message: str


class Problem(Response):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: ErrorCode
    reasons: list[Reason]


class TaskError(Response):
    """Why a task or a job failed."""

    code: ErrorCode
    origin: ErrorOrigin
    message: str
    reasons: list[Reason]
