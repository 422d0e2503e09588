"""The trials of a report as CSV, one line each: what a plot or a test of one's own starts from."""

import csv
import io

from api_schemas.evaluation import Report
from method.precisions import arithmetic_in_words
from service.http.renderings.picture import Picture

COLUMNS = (
    "dataset", "arm", "architecture", "trial", "seed", "accuracy", "seconds", "epochs", "forwards", "recipe", "views",
    "reduction", "precision", "computed_in", "in_summary", "view_weight", "lrs", "ars",
)  # fmt: skip


def render(report: Report, picture: Picture) -> str:
    """Return a header and a line for each trial; the header alone where nothing was evaluated.

    `lrs` and `ars` are the scores of the line's set, arm and architecture, the same for all its trials.
    """
    scores = {(each.dataset, each.arm, each.architecture, each.name): each.score for each in report.scores}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report.evaluation.rows if report.evaluation else ():
        recipe = [row.recipe.get(field, "") for field in ("name", "views", "reduction", "precision")]
        computed_in = arithmetic_in_words(row.recipe)
        weight = row.recipe.get("view_weight", "")
        place = (row.dataset, row.arm, row.architecture)
        scored = [scores.get((*place, name), "") if row.in_summary else "" for name in ("LRS", "ARS")]
        for trial in row.trials:
            measured = [trial.trial, trial.seed, trial.accuracy, trial.seconds, row.epochs, row.forwards]
            writer.writerow([*place, *measured, *recipe, computed_in, row.in_summary, weight, *scored])
    return text.getvalue()
