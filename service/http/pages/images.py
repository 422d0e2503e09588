"""One image: its views with the labeler's answers, linked both ways; where the labeler is unsure."""

import math
from collections.abc import Sequence
from heapq import nlargest
from typing import Annotated, NamedTuple

from fastapi import Path
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.base import DatasetId
from service.core.resources import datasets
from service.core.resources.labelled_image import LabelledImage, labelled_image
from service.http.charts.bars import bars
from service.http.charts.heat_map import heat_map
from service.http.dependencies import CoreDep
from service.http.pages.site import page, pages

SHOWN = 5
"""The most probable classes of a view, as bars; the rest is one bar."""

router = pages("/sets")


class View(NamedTuple):
    """A view: its corner in pixels, the labeler's class of it, its entropy in nats, and its answer as bars."""

    number: int
    x: int
    y: int
    said: str
    probability: float
    entropy: float
    differs: bool
    answer: Markup


@router.get("/{dataset_id}/images/{index}")
def show_image(request: Request, core: CoreDep, dataset_id: DatasetId, index: Annotated[int, Path(ge=0)]) -> Response:
    """Show an image, and of a label-augmented set its views and dense labels."""
    found = datasets.view(core, dataset_id)
    if found.augmentation is None:
        count = found.stats.num_images if found.stats else 0
        return page(request, "image.html", found=found, index=index, count=count, labelled=None)
    labelled = labelled_image(core, dataset_id, index)
    views = [_view(labelled, number) for number in range(len(labelled.dense))]
    rows = [[view.entropy for view in views[start : start + labelled.n]] for start in range(0, len(views), labelled.n)]
    mean = [sum(column) / len(labelled.dense) for column in zip(*labelled.dense, strict=True)]
    return page(
        request,
        "image.html",
        found=found,
        index=index,
        count=labelled.images,
        labelled=labelled,
        views=views,
        entropies=heat_map("Entropy of the views in nats", rows, [], "{:.2f}"),
        mean=_bars("Mean over the views", mean, labelled),
        agreeing=sum(not view.differs for view in views),
    )


def _view(found: LabelledImage, number: int) -> View:
    down, right = divmod(number, found.n)
    answer = found.dense[number]
    best = max(range(len(answer)), key=answer.__getitem__)
    return View(
        number,
        found.offsets[right],
        found.offsets[down],
        found.names[best],
        answer[best],
        entropy(answer),
        best != found.label,
        _bars(f"View {number}", answer, found),
    )


def _bars(title: str, answer: Sequence[float], found: LabelledImage) -> Markup:
    best = nlargest(SHOWN, range(len(answer)), key=answer.__getitem__)
    if found.label not in best:
        best[-1:] = [found.label]
    shown = [(found.names[label], answer[label], "uploaded" if label == found.label else "other") for label in best]
    if len(answer) > len(best):
        shown.append(("all others", 1 - sum(value for _, value, _ in shown), ""))
    return bars(title, shown, largest=1.0)


def entropy(answer: Sequence[float]) -> float:
    """Return the entropy of probabilities in nats."""
    return -sum(value * math.log(value) for value in answer if value > 0)
