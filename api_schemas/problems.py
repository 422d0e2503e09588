"""Errors on the wire: RFC 9457 `application/problem+json` with a stable `code`."""

from enum import StrEnum

from api_schemas.base import Response


class ErrorCode(StrEnum):
    """Stable names of what can go wrong; clients switch on these, never on the text."""

    UNAUTHENTICATED = "unauthenticated"
    """The request has no API key, or one that is unknown or revoked: send `Authorization: Bearer <key>`."""
    FORBIDDEN = "forbidden"
    """The key lacks a scope, or a page of another site asked a front without keys: use a key with what is named."""
    QUOTA_EXCEEDED = "quota_exceeded"
    """The tenant is at the limit that the message names: wait as `Retry-After` says, or make room."""
    NOT_FOUND = "not_found"
    """Nothing of that id or path is there for this key: look into the listing."""
    METHOD_NOT_ALLOWED = "method_not_allowed"
    """The path is there, but not for this method: `Allow` names those that are."""
    INVALID_REQUEST = "invalid_request"
    """Fields, parameters or headers break rules: `reasons` names each with its value; mend them and send again."""
    UPLOAD_INCOMPLETE = "upload_incomplete"
    """Parts of an upload are missing: ask for the upload, send those with `received: false`, complete it again."""
    UPLOAD_TOO_LARGE = "upload_too_large"
    """The body or file is above `LADD_MAX_UPLOAD_BYTES`: send less, or ask the operator for more."""
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    """The body is of a type that the route does not read: send the `Content-Type` that the message names."""
    NOT_ACCEPTABLE = "not_acceptable"
    """`Accept` wants a form in which there is no answer: ask for one that the message names."""
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    """The `Idempotency-Key` came with another request before: take a new one for a new job."""
    PRECONDITION_FAILED = "precondition_failed"
    """`If-Match` names another state than the present one: ask for it again, and decide anew."""
    DATASET_NOT_READY = "dataset_not_ready"
    """The dataset is still validated, or was rejected: wait for `ready`, or read its `reasons`."""
    DATASET_IN_USE = "dataset_in_use"
    """An unfinished job needs the dataset: wait for its end, or cancel it."""
    LABELER_IN_USE = "labeler_in_use"
    """An unfinished job needs the labeler: wait for its end, or cancel it."""
    JOB_IN_USE = "job_in_use"
    """A retry of the job reads its results: delete the retry first."""
    NO_ARCHIVE = "no_archive"
    """The dataset is not label-augmented, or its job did not write that format: the message names what there is."""
    JOB_NOT_FINISHED = "job_not_finished"
    """The job has not ended: wait for its end, or cancel it."""
    JOB_NOT_CANCELABLE = "job_not_cancelable"
    """The job has ended already, otherwise than by cancellation."""
    JOB_NOT_RETRYABLE = "job_not_retryable"
    """The job has not failed, is an upload, or lacks a dataset that is gone: send a new one."""
    NO_REPORT = "no_report"
    """A job of this kind, or one that ended like this, has no report."""
    WEBHOOK_DISABLED = "webhook_disabled"
    """The webhook takes no messages: enable it again (`PATCH` with `enabled: true`)."""
    UNAVAILABLE = "unavailable"
    """Redis, the storage or a free place is missing for the moment: try again as `Retry-After` says."""
    INTERNAL = "internal"
    """A fault of the service: give those who run it the answer's `X-Request-ID`, which its log has."""
    # of tasks; `timeout` also of a request
    REJECTED_INPUT = "rejected_input"
    """The files or fields break a rule: `reasons` names file, rule and value; mend them and send again."""
    WORKER_LOST = "worker_lost"
    """Workers fell silent on the task as often as it may be tried: look into their logs and memory, then retry."""
    RUNNER_FAILED = "runner_failed"
    """The process that computes ended without a word, perhaps killed: see the log of its worker, then retry."""
    TIMEOUT = "timeout"
    """A task ran, or stood still, longer than its type may; or the body of a request no longer arrived."""
    OUT_OF_MEMORY = "out_of_memory"
    """The memory of the device did not suffice: a smaller `batch_size`, fewer views, or a larger device."""
    DISK_FULL = "disk_full"
    """The disk of the worker is full: make room where its `LADD_DATA_DIR` lies, then retry."""
    DEVICE_FAILED = "device_failed"
    """The GPU or its driver failed: the worker takes no task until it has proved itself again."""


class ErrorOrigin(StrEnum):
    """The party that can do something about it: the sender of the input, the operator of the workers, or us."""

    INPUT = "input"
    """The sender of the input: the reasons say what to mend."""
    WORKER = "worker"
    """The operator of the workers; the same job may succeed elsewhere, or later."""
    TIMEOUT = "timeout"
    """Those who set the limit (`LADD_TASK_TIMEOUT_SECONDS`), or who asked for so much."""
    INTERNAL = "internal"
    """Those who write this service."""


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
