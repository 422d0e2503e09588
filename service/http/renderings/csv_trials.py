"""The trials of a report as CSV, one line each: what a plot or a test of one's own starts from."""

import csv
import io

from api_schemas.class_accuracies import class_name, class_names
from api_schemas.evaluation import Report
from api_schemas.report_summary import incomplete
from method.precisions import arithmetic_in_words
from service.http.renderings.picture import Picture

COLUMNS = (
    "dataset", "arm", "architecture", "trial", "seed", "accuracy", "seconds", "epochs", "forwards", "recipe", "views",
    "reduction", "precision", "computed_in", "in_summary", "paper_mean", "paper_std", "view_weight", "lrs", "ars",
)  # fmt: skip


def render(report: Report, picture: Picture) -> str:
    """Return a header and a line for each trial; the header alone where nothing was evaluated.

    Before the header of a report that is not complete stands what it lacks, as a comment that begins with `#`.

    `paper_mean` and `paper_std` are the paper's, over trials, for the same set, arm and architecture, where it has one.
    `lrs` and `ars` are the scores of the line's set, arm and architecture, the same for all its trials. The last
    columns are the accuracies of the classes, by label; one without test images is empty.
    """
    scores = {(each.dataset, each.arm, each.architecture, each.name): each.score for each in report.scores}
    text = io.StringIO()
    if not report.complete:
        text.write(f"# {incomplete(report)}\n")
    writer = csv.writer(text, lineterminator="\n")
    theirs = {(found.dataset, found.arm, found.architecture): found for found in report.paper}
    rows, names = report.evaluation.rows if report.evaluation else [], class_names(report.inputs)
    classes = max((len(trial.per_class_accuracy) for row in rows for trial in row.trials), default=0)
    writer.writerow([*COLUMNS, *(f"accuracy of {class_name(names, label)}" for label in range(classes))])
    for row in rows:
        place = (row.dataset, row.arm, row.architecture)
        found = theirs.get(place) if row.in_summary else None
        paper = ["", ""] if found is None else [found.cae_mean, "" if found.std is None else found.std]
        recipe = [row.recipe.get(field, "") for field in ("name", "views", "reduction", "precision")]
        computed_in = arithmetic_in_words(row.recipe)
        weight = row.recipe.get("view_weight", "")
        scored = [scores.get((*place, name), "") if row.in_summary else "" for name in ("LRS", "ARS")]
        for trial in row.trials:
            measured = [trial.trial, trial.seed, trial.accuracy, trial.seconds, row.epochs, row.forwards]
            about = [*recipe, computed_in, row.in_summary, *paper, weight, *scored]
            writer.writerow([*place, *measured, *about, *trial.per_class_accuracy])
    return text.getvalue()
