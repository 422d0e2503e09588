"""Sets: the list, and one set with its classes, what was found in its files, and its bytes."""

from collections import Counter
from typing import Annotated

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.base import DatasetId
from api_schemas.datasets import Dataset, DatasetRole, DatasetState
from method.files import DENSE_LABELS, IMAGES, LABELS
from service.core.clients import Core
from service.core.foundation.listing import EVERYTHING
from service.core.resources import datasets, pictures
from service.http.charts.bars import stacked
from service.http.dependencies import CoreDep, Cursor
from service.http.list_filters import CommonFilters
from service.http.pages.addresses import further
from service.http.pages.filters import EMPTY_IS_ANY
from service.http.pages.site import page, pages
from service.http.pages.words import bytes_in_words

PER_PAGE = 24
CLASSES = 20
"""Contact sheets on a page of a set, before the visitor asks for all."""

router = pages("/sets")


@router.get("")
def show_sets(
    request: Request,
    core: CoreDep,
    filters: CommonFilters,
    role: Annotated[DatasetRole | None, EMPTY_IS_ANY] = None,
    state: Annotated[DatasetState | None, EMPTY_IS_ANY] = None,
    cursor: Cursor = None,
) -> Response:
    """Show the newest sets, and a place to drop files."""
    found = datasets.page(core, filters.also([state] if state else [], role=role), cursor, PER_PAGE)
    sources = datasets.page(core, EVERYTHING.also([DatasetState.READY], role=DatasetRole.SOURCE)).items
    return page(
        request,
        "sets.html",
        sets=found.items,
        older=further(request, found.next_cursor),
        sources=sources,
        roles=[*DatasetRole],
        states=[*DatasetState],
        role=role,
        state=state,
        name=filters.name,
        filtered=any(request.query_params.values()),
    )


@router.get("/{dataset_id}")
def show_set(
    request: Request, core: CoreDep, dataset_id: DatasetId, all_classes: Annotated[bool, Query(alias="all")] = False
) -> Response:
    """Show a set: its images by class, what was found in its files and why, its warnings, its bytes."""
    found = datasets.view(core, dataset_id)
    classes = found.stats.class_counts if found.stats else []
    return page(
        request,
        "set.html",
        found=found,
        classes=classes if all_classes else classes[:CLASSES],
        left_out=0 if all_classes else max(0, len(classes) - CLASSES),
        first=pictures.first_of_classes(core, dataset_id)
        if found.stats and found.role == DatasetRole.DISTILLED
        else {},
        counts=_counts(found),
        bytes_bar=_bytes_bar(core, found),
    )


@router.get("/{dataset_id}/classes/{label}.png")
def show_class(core: CoreDep, dataset_id: DatasetId, label: Annotated[int, Path(ge=0)]) -> Response:
    """Show the first images of a class as one picture, which never changes."""
    png = pictures.class_sheet_png(core, dataset_id, label)
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=86400, immutable"})


def _counts(found: Dataset) -> str:
    """Say how many images there are of a class: `10 of each class`, `8 to 12 of a class`."""
    if found.stats is None:
        return ""
    sums = Counter({count.label: sum(count.images.values()) for count in found.stats.class_counts})
    least, most = min(sums.values()), max(sums.values())
    return f"{most:,} of each class" if least == most else f"{least:,} to {most:,} of a class"


def _bytes_bar(core: Core, found: Dataset) -> tuple[str, list[tuple[str, str]]] | None:
    """Return a bar of the stored bytes of images, labels and dense labels, and the numbers in words."""
    blobs = datasets.manifest_of(core, found.id).blobs
    parts = [
        (name, float(blobs[file].bytes), bytes_in_words(blobs[file].bytes))
        for name, file in (("images", IMAGES), ("labels", LABELS), ("dense labels", DENSE_LABELS))
        if file in blobs
    ]
    if not parts:
        return None
    return stacked("Bytes of the set", parts), [(name, words) for name, _, words in parts]
