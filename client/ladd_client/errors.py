"""Exceptions of the client: `ProblemError` for an answer that says no, `JobError` for a job that did not succeed.

Both are a `ClientError`, as is everything else that the client raises.
"""

from api_schemas.jobs import Job
from api_schemas.problems import ErrorCode, Problem, Reason


class ClientError(Exception):
    """The server gave an answer that is not the API's, or something is amiss on this side."""


class UnreachableError(ClientError):
    """The service, or its storage, gave no answer in all the tries."""


class AnswerError(ClientError):
    """Something else than the API refused a request, such as a proxy or the storage, with `status`."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class ProblemError(ClientError):
    """The API refused a request with `status`; `problem` is the RFC 9457 body as sent."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.status = problem.status
        lines = [f"{problem.detail} (HTTP {problem.status}, {problem.code})"]
        if problem.code is ErrorCode.UNAUTHENTICATED:
            lines.append("  a key is read from LADD_API_KEY, or kept by `ladd login`; LaddClient takes one as api_key")
        lines += [f"  {describe(reason)}" for reason in problem.reasons]
        super().__init__("\n".join(lines))


class JobError(ClientError):
    """A job that was waited for has failed, was canceled or expired; `job` is that job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(failure_text(job))


def failure_text(job: Job) -> str:
    """Why a job ended without success."""
    lines = [f"{job.id} {job.state}"]
    if job.error is not None:
        lines[0] += f": {job.error.message} ({job.error.code}, origin {job.error.origin})"
        lines += [f"  {describe(reason)}" for reason in job.error.reasons]
    return "\n".join(lines)


def describe(reason: Reason) -> str:
    """One broken rule on one line: where, what is wrong, which rule, which value."""
    value = "" if reason.value is None else f", got {reason.value}"
    return f"{reason.location}: {reason.message} [{reason.rule}{value}]"
