"""The job kinds. A new one is a module with a `KIND`, and one entry here; its params are in `api_schemas/jobs.py`."""

from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from api_schemas.jobs import JobKind, JobRequest
from service.core.kinds import (
    compare,
    evaluate,
    export,
    generate_labels,
    import_labeler,
    ingest_dataset,
    ladd,
    sweep,
    train_labeler,
)
from service.core.kinds.kind import Kind

KINDS: dict[str, Kind] = {}
"""{name: kind}."""


def register(kind: Kind) -> None:
    """Add a kind, one of an installed package too. A front takes its requests that is made afterwards."""
    JobKind.admit(kind.name)
    KINDS[kind.name] = kind


for _module in (ingest_dataset, import_labeler, train_labeler, generate_labels, evaluate, ladd, sweep, export, compare):
    register(_module.KIND)


class _OfRegisteredKinds:
    """Has a field take the request of every kind that is registered when the field is defined."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        requests = [kind.request for kind in KINDS.values() if kind.request is not None]
        return handler.generate_schema(Annotated[reduce(or_, requests), Field(discriminator="kind")])


AnyJobRequest = Annotated[JobRequest, _OfRegisteredKinds()]
"""Body of `POST /v1/jobs`."""
