"""Labelers: the list, and one labeler epoch by epoch."""

from starlette.requests import Request
from starlette.responses import Response

from api_schemas.base import LabelerId
from service.core.resources import labelers
from service.http.charts.curves import curves
from service.http.dependencies import CoreDep, Cursor
from service.http.list_filters import CommonFilters
from service.http.pages.addresses import further
from service.http.pages.names import set_name
from service.http.pages.site import page, pages

PER_PAGE = 50

router = pages("/labelers")


@router.get("")
def show_labelers(request: Request, core: CoreDep, filters: CommonFilters, cursor: Cursor = None) -> Response:
    """Show the newest labelers."""
    found = labelers.page(core, filters, cursor, PER_PAGE)
    names = {each.source_dataset: set_name(core, each.source_dataset) for each in found.items}
    return page(request, "labelers.html", labelers=found.items, names=names, older=further(request, found.next_cursor))


@router.get("/{labeler_id}")
def show_labeler(request: Request, core: CoreDep, labeler_id: LabelerId) -> Response:
    """Show a labeler: accuracy and entropy by epoch, and which epochs are kept."""
    found = labelers.view(core, labeler_id)
    epochs = found.epochs
    accuracies = {"val": [(float(row.epoch), row.val_accuracy) for row in epochs]}
    trained = [(float(row.epoch), row.train_accuracy) for row in epochs if row.train_accuracy is not None]
    if trained:
        accuracies["train"] = trained
    kept = [row.epoch for row in epochs if row.checkpoint is not None]
    chosen = 10 if 10 in kept else max(kept, default=None)
    entropies = {"entropy": [(float(row.epoch), row.mean_entropy) for row in epochs]}
    return page(
        request,
        "labeler.html",
        found=found,
        source=set_name(core, found.source_dataset),
        chosen=chosen,
        accuracy=curves("Accuracy by epoch", "epoch", "%", accuracies, chosen) if len(epochs) > 1 else None,
        entropy=curves("Mean entropy on val", "epoch", "nats", entropies, chosen) if len(epochs) > 1 else None,
    )
