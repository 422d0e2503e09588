"""Base models: what we accept forbids unknown fields, what we return has no defaults."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, ClassVar

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

    told_apart_by: ClassVar[Sequence[str]] = ()
    """Fields that a `repr` shows, for a notebook; none: all."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Return what the `repr` shows."""
        for name, value in super().__repr_args__():
            if not self.told_apart_by or name in self.told_apart_by:
                yield name, value.value if isinstance(value, Enum) else value


class Page(Response):
    """One page of a listing; `next_cursor` is null on the last page."""

    next_cursor: str | None


class Links(Response):
    """Relative URLs of what belongs to a resource."""

    self: str


Timestamp = datetime
