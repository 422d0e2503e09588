"""The query parameters that lists are filtered by."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AwareDatetime

from service.core.foundation.listing import Asked, facet

Tag = Annotated[str, Query(pattern=r"^[A-Za-z0-9_.-]{1,64}:.{0,256}$")]


def common_filters(
    tag: Annotated[Sequence[Tag], Query(max_length=32, description="`key:value`; repeated, all must match.")] = (),
    name: Annotated[
        str, Query(max_length=200, description="Words of the name, or beginnings of words; capitals do not matter.")
    ] = "",
    created_after: Annotated[AwareDatetime | None, Query(description="From this moment on (RFC 3339).")] = None,
    created_before: Annotated[AwareDatetime | None, Query(description="Before this moment (RFC 3339).")] = None,
) -> Asked:
    """Return what every list is filtered by."""
    facets = [facet("tag", each) for each in tag]
    return Asked(facets=facets, name=name, created_after=created_after, created_before=created_before)


CommonFilters = Annotated[Asked, Depends(common_filters)]
