"""A report in other forms than JSON. A new one is a file with `render`, and one line here."""

from collections.abc import Callable
from dataclasses import dataclass

from api_schemas.evaluation import Report
from service.http.renderings import csv_trials, html_page, markdown


@dataclass(frozen=True)
class Rendering:
    """How a report becomes a text of a media type."""

    media_type: str
    render: Callable[[Report], str]


RENDERINGS = {
    "md": Rendering("text/markdown", markdown.render),
    "html": Rendering("text/html", html_page.render),
    "csv": Rendering("text/csv", csv_trials.render),
}
"""By the ending of the address: `/v1/jobs/{id}/report.<ending>`."""
