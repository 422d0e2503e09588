"""What a caller sees of labelers."""

from api_schemas.labelers import Labeler, LabelerPage
from service.core.core import Core
from service.core.errors import not_found


def view(core: Core, labeler_id: str) -> Labeler:
    """Return a labeler. Raises ServiceError NOT_FOUND."""
    labeler = core.catalogue.labeler(labeler_id)
    if labeler is None:
        raise not_found("labeler", labeler_id)
    return labeler.shown()


def page(core: Core, cursor: str | None, limit: int) -> LabelerPage:
    """Return the newest labelers after `cursor`. Raises ServiceError INVALID_REQUEST naming `query.cursor`."""
    labelers, next_cursor = core.catalogue.labelers(cursor, limit)
    return LabelerPage(items=[labeler.shown() for labeler in labelers], next_cursor=next_cursor)
