"""The accuracy of every arm by the epochs it was trained for: the numbers of the curve of the paper's Figure 3."""

from collections.abc import Iterator

from api_schemas.cells import PETA, arm_title
from api_schemas.evaluation import Evaluation
from api_schemas.table import Table


def curve_tables(evaluation: Evaluation | None) -> Iterator[Table]:
    """Yield a table for each set whose arms were trained for several numbers of epochs.

    A training of n epochs has a schedule that ends there: it is another one than the first n epochs of a longer one.
    """
    rows = evaluation.rows if evaluation else []
    for dataset in dict.fromkeys(row.dataset for row in rows):
        mine = [row for row in rows if row.dataset == dataset]
        by_place = {(row.architecture, row.arm, row.epochs): row for row in mine}
        places = dict.fromkeys((row.architecture, row.arm) for row in mine)
        if all(sum(place[:2] == key for place in by_place) < 2 for key in places):
            continue
        epochs = sorted({row.epochs for row in mine})
        lines = []
        for architecture, arm in places:
            found = [by_place.get((architecture, arm, each)) for each in epochs]
            lines.append(
                [
                    f"{architecture}, {arm_title(arm)}",
                    *(f"{row.mean:.2f} at {row.flops / len(row.trials) / PETA:.2g}" if row else "-" for row in found),
                ]
            )
        title = f"Accuracy in % at the PFLOP of one trial, by its epochs, {dataset}"
        yield Table(title, ["architecture, arm", *(f"{each:,} epochs" for each in epochs)], lines)
