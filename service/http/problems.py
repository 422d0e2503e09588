"""RFC 9457: every refusal, the framework's own included, is one `application/problem+json` document."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from redis.exceptions import OutOfMemoryError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

from api_schemas.links import link
from api_schemas.problems import ErrorCode, Problem, Reason
from service.core.foundation.errors import OUTAGES, ServiceError, reason
from service.core.lifecycle.quotas import QuotaExceededError, Remainder
from service.http import security_headers
from service.http.rate_limits import headers_of
from service.http.request_id import HEADER, current_request_id
from service.http.validation import invalid, reasons_of, summary

MEDIA_TYPE = "application/problem+json"
EXAMPLE = "#/components/examples/{name}"
"""Where the OpenAPI document has an example of a model or, by its code, of a problem."""
RETRY_AFTER_SECONDS = 5

STATUS: Mapping[ErrorCode, int] = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.NOT_ACCEPTABLE: 406,
    ErrorCode.UPLOAD_INCOMPLETE: 409,
    ErrorCode.PRECONDITION_FAILED: 412,
    ErrorCode.UPLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.INVALID_REQUEST: 422,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: 422,
    ErrorCode.DATASET_NOT_READY: 409,
    ErrorCode.DATASET_IN_USE: 409,
    ErrorCode.LABELER_IN_USE: 409,
    ErrorCode.JOB_IN_USE: 409,
    ErrorCode.JOB_NOT_FINISHED: 409,
    ErrorCode.JOB_NOT_CANCELABLE: 409,
    ErrorCode.JOB_NOT_RETRYABLE: 409,
    ErrorCode.WEBHOOK_DISABLED: 409,
    ErrorCode.QUOTA_EXCEEDED: 429,
    ErrorCode.NO_ARCHIVE: 404,
    ErrorCode.NO_REPORT: 404,
    ErrorCode.TIMEOUT: 408,
    ErrorCode.INTERNAL: 500,
    ErrorCode.UNAVAILABLE: 503,
}
"""The status of each code a request can end with; the remaining codes are of tasks."""

BODY_ERRORS = (
    ErrorCode.TIMEOUT,
    ErrorCode.UPLOAD_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.INVALID_REQUEST,
    ErrorCode.QUOTA_EXCEEDED,
)
"""How a request that starts a job can be refused for its body, besides what every request can meet."""

KEY_ERRORS = (ErrorCode.INVALID_REQUEST, ErrorCode.IDEMPOTENCY_KEY_REUSED)
"""How a request can be refused for its `Idempotency-Key`."""

_FRAMEWORK_CODES = {
    STATUS[code]: code
    for code in (ErrorCode.NOT_FOUND, ErrorCode.METHOD_NOT_ALLOWED, ErrorCode.TIMEOUT, ErrorCode.UPLOAD_TOO_LARGE)
}

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")

_log = logging.getLogger(__name__)


def problem(
    request: Request,
    code: ErrorCode,
    detail: str,
    reasons: list[Reason] | None = None,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the response for `code`; `status` replaces its usual one."""
    document = document_of(code, detail, link(request.scope["path"]), reasons or [], status)
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if code is ErrorCode.UNAVAILABLE else {}
    # Offending values are quoted, half surrogate pairs included: UTF-8 has none, JSON escapes them just so.
    body = json.dumps(document.model_dump(), ensure_ascii=False).encode(errors="backslashreplace")
    return Response(body, document.status, {**retry, **(headers or {})}, MEDIA_TYPE)


def document_of(
    code: ErrorCode, detail: str, instance: str, reasons: Sequence[Reason], status: int | None = None
) -> Problem:
    """Return the document for `code`, of the request for the link `instance`."""
    return Problem(
        type=f"urn:ladd:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status or STATUS[code],
        detail=detail,
        instance=instance,
        code=code,
        reasons=list(reasons),
    )


def install(app: FastAPI) -> None:
    """Make `app` answer every exception with a problem."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(ClientDisconnect, _client_gone)
    app.add_exception_handler(Exception, _internal)
    for outage in OUTAGES:
        app.add_exception_handler(outage, _outage)


async def answer(request: Request, error: Exception) -> Response:
    """Return the response for an error that middleware meets, which exception handlers do not see."""
    if isinstance(error, RequestValidationError):
        return await _invalid_request(request, error)
    return await (_service_error if isinstance(error, ServiceError) else _outage)(request, error)


def responses(*codes: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a route that may refuse with `codes`; 500 and 503 are in every one."""
    return refusals(*codes, ErrorCode.INTERNAL, ErrorCode.UNAVAILABLE)


def refusals(*codes: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of the problems with `codes`."""
    by_status: dict[int, list[ErrorCode]] = {}
    for code in codes:
        by_status.setdefault(STATUS[code], []).append(code)
    return {
        status: {
            "description": "A problem with `code` " + " or ".join(f"`{code}`" for code in group),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {str(code): {"$ref": EXAMPLE.format(name=code)} for code in group},
                }
            },
        }
        for status, group in sorted(by_status.items())
    }


async def _service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    if error.code is ErrorCode.UNAVAILABLE and error.__cause__ is not None:
        return await _outage(request, error)
    if error.code is ErrorCode.INTERNAL:
        _log.error("%s %s", request.method, request.scope["path"], exc_info=error)
        return await _internal(request, error)
    headers = {}
    if isinstance(error, QuotaExceededError):
        headers = headers_of([Remainder(error.quota, 0)]) | {"Retry-After": str(error.quota.retry_seconds)}
    return problem(request, error.code, error.message, error.reasons, headers=headers)


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    sent = {
        "path": request.path_params,
        "query": request.query_params,
        "header": request.headers,
        "body": error.body,
    }
    reasons = reasons_of(error.errors(), sent)
    # An id that cannot be one names nothing.
    code = ErrorCode.NOT_FOUND if error.errors()[0]["loc"][0] == "path" else ErrorCode.INVALID_REQUEST
    return problem(request, code, summary(reasons), reasons)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    if status == 400 and error.__cause__ is not None:
        # FastAPI's, for what the JSON parser chokes on: bytes that are no UTF-8, brackets without end, endless numbers.
        message = f"The body cannot be read as JSON: {error.__cause__}"
        return await _service_error(request, invalid([reason("body", "json_invalid", None, message)]))
    if status == 405:
        # The framework names the methods of the first route on the path only.
        error.headers = {**(error.headers or {}), "Allow": ", ".join(_allowed_methods(request))}
    code = _FRAMEWORK_CODES.get(status, ErrorCode.INVALID_REQUEST if status < 500 else ErrorCode.INTERNAL)
    return problem(request, code, error.detail, status=status, headers=error.headers)


def _allowed_methods(request: Request) -> list[str]:
    """Every method that some route would take on the request's path."""
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


async def _outage(request: Request, error: Exception) -> Response:
    # The text names hosts of ours: for the log, not for the caller.
    _log.warning("%s %s: %s", request.method, request.scope["path"], error)
    if isinstance(error, OutOfMemoryError):
        return problem(request, ErrorCode.UNAVAILABLE, "The service's Redis is full and takes nothing new; try later.")
    return problem(request, ErrorCode.UNAVAILABLE, "A server that this service depends on does not answer; try again.")


async def _client_gone(request: Request, _: Exception) -> Response:
    # Nobody reads this; 499 is what access logs call a closed connection.
    _log.info("%s %s: the client closed the connection", request.method, request.scope["path"])
    return Response(status_code=499)


async def _internal(request: Request, _: Exception) -> Response:
    # The server logs the traceback. This answer is sent from outside our middleware.
    request_id = current_request_id()
    detail = f"The request failed for a reason of ours; its log lines carry the id {request_id}."
    return problem(request, ErrorCode.INTERNAL, detail, headers={HEADER: request_id, **security_headers.DEFAULTS})
