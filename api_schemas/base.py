"""Base models: what we accept forbids unknown fields, what we return has no defaults."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
DatasetId = Annotated[str, StringConstraints(pattern=r"^ds_[0-9a-z]{26}$")]
LabelerId = Annotated[str, StringConstraints(pattern=r"^lb_[0-9a-z]{26}$")]
JobId = Annotated[str, StringConstraints(pattern=r"^job_[0-9a-z]{26}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Request(BaseModel):
    """Something a caller sends: unknown fields are refused, so that a typo is never ignored."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Response(BaseModel):
    """Something we send: every field is required (null when absent), so that generated clients have it."""

    model_config = ConfigDict(extra="forbid")


class Page(Response):
    """One page of a listing; `next_cursor` is null on the last page."""

    next_cursor: str | None


class Links(Response):
    """Relative URLs of what belongs to a resource."""

    self: str


Timestamp = datetime
