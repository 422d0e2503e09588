"""The trials of a report as CSV, one line each: what a plot or a test of one's own starts from."""

import csv
import io

from api_schemas.evaluation import Report
from service.http.renderings.picture import Picture

COLUMNS = (
    "dataset", "arm", "architecture", "trial", "seed", "accuracy", "seconds", "epochs", "forwards", "recipe", "views",
    "reduction", "precision", "in_summary",
)  # fmt: skip


def render(report: Report, picture: Picture) -> str:
    """Return a header and a line for each trial; the header alone where nothing was evaluated."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report.evaluation.rows if report.evaluation else ():
        recipe = [row.recipe.get(field, "") for field in ("name", "views", "reduction", "precision")]
        for trial in row.trials:
            place = [row.dataset, row.arm, row.architecture]
            measured = [trial.trial, trial.seed, trial.accuracy, trial.seconds, row.epochs, row.forwards]
            writer.writerow([*place, *measured, *recipe, row.in_summary])
    return text.getvalue()
