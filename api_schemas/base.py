"""Base models: what we accept forbids unknown fields, what we return has no defaults."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    field_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from api_schemas.links import Link, link
from method.near_names import did_you_mean

MAX_NAME = 200
"""Characters."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME)]
DatasetId = Annotated[str, StringConstraints(pattern=r"^ds_[0-9a-z]{26}$")]
LabelerId = Annotated[str, StringConstraints(pattern=r"^lb_[0-9a-z]{26}$")]
JobId = Annotated[str, StringConstraints(pattern=r"^job_[0-9a-z]{26}$")]
Tags = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")],
        Annotated[str, StringConstraints(max_length=256)],
    ],
    Field(max_length=32),
]
"""The caller's own labels, which lists are filtered by."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Request(BaseModel):
    """Something a caller sends: unknown fields are refused, so that a typo is never ignored."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _suggest_fields(cls, sent: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Name, with the refusal of an unknown field, those that may have been meant: only the model knows its own."""
        try:
            return validate(sent)
        except ValidationError as error:
            told = [_as_custom(each, cls.model_fields) for each in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(error.title, told) from None


def _as_custom(error: ErrorDetails, fields: Collection[str]) -> InitErrorDetails:
    """Return an error as one of our own, with the same type; about a field that is not of `fields`, it names near ones.

    Errors of pydantic's own kinds cannot be given another message.
    """
    location, message = error["loc"], error["msg"]
    if error["type"] == "extra_forbidden" and len(location) == 1:
        message += did_you_mean(str(location[0]), fields)
    custom = PydanticCustomError(error["type"], message, error.get("ctx"))
    return InitErrorDetails(type=custom, loc=location, input=error["input"])


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


class PageLinks(Response):
    """The way through a listing: `next` is null on the last page."""

    next: Link | None


class Page(Response):
    """One page of a listing; `next_cursor` is null on the last page."""

    next_cursor: str | None
    links: PageLinks = PageLinks(next=None)
    """Known to the front alone, which was asked for the page; a service of before there were links sends none."""
    complete: bool = True
    """False: the search for what matches took too long and goes on at `next_cursor`; there are fewer items than asked
    for, or none."""


class Links(Response):
    """Links to what belongs to a resource: paths of the service; as sent, below the prefix a proxy offers it at."""

    self: str

    _as_reached = field_serializer("*", when_used="json-unless-none")(link)


Timestamp = datetime
