"""What a caller sees of labelers."""

from api_schemas.labelers import Labeler, LabelerPage
from service.core.core import Core


def view(core: Core, labeler_id: str) -> Labeler:
    """Return a labeler. Raises ServiceError NOT_FOUND."""
    raise NotImplementedError


def page(core: Core, cursor: str | None, limit: int) -> LabelerPage:
    """Return labelers by descending id after `cursor`. Raises ServiceError INVALID_REQUEST naming `query.cursor`."""
    raise NotImplementedError
