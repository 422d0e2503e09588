"""Points, table and figure of what decides LADD's gain, from made-up results."""

from typing import Any

import numpy as np
import thousand_epochs_parts
from gain_figure import LABELS, WEIGHT, Point, figure, points

from workers.ladd.evaluation.answers import pack_answers

IMAGES = 400


def trials(accuracy: float, count: int = 3) -> dict[str, Any]:
    drawn = np.random.default_rng(int(accuracy)).random(IMAGES)
    return {str(seed): {"correct": pack_answers(np.roll(drawn, seed) < accuracy / 100)} for seed in range(count)}


def results() -> dict[str, Any]:
    rows = {
        "DC 1 IPC, ConvNetD3": {"baseline": trials(30)},
        "DC 1 IPC, ConvNetD3, views sampled:1": {
            "ladd": trials(20),
            "sub_hard": trials(10, count=2),
            "baseline_best_lr": trials(35),
            "ladd_best_lr": trials(55),
        },
        "DC 1 IPC, ConvNetD3, views sampled:1, view_weight 1": {"ladd_best_lr": trials(65)},
        'DC 1 IPC, ConvNetD3, views sampled:1, labels of views {"n": 3, "ratio": 0.625}': {"ladd": trials(60)},
        "DC, ConvNetD3": {"baseline": trials(50)},
    }
    return {"rows": rows, "test_images": dict.fromkeys(rows, IMAGES)}


def by_place() -> dict[tuple[str, str], Point]:
    return {(point.question, point.value): point for point in points(results())}


def test_one_thing_differs_from_the_papers_values() -> None:
    found = by_place()
    assert found["N", "3"].judged.found.difference > 20 > 0 > found["N", "5"].judged.found.difference
    # The paper's values are the same trials in every panel.
    assert len({found[question, value].judged for question, value in (("R", "0.625"), ("labeler's epoch", "10"))}) == 1
    assert found[LABELS, "views hard"].trials == (2, 3)
    assert found[LABELS, "views hard"].judged.verdict == "too few trials"
    assert ("R", "0.5") not in found


def test_weights_are_compared_at_each_arms_learning_rate() -> None:
    found = by_place()
    plain, lighter = (found[WEIGHT, value].judged.found.difference for value in ("25", "1"))
    assert 10 < plain < 30 < lighter + 5
    assert plain < lighter


def test_every_question_with_an_answer_has_a_panel() -> None:
    panels = figure(list(points(results()))).axes
    assert len(panels) == len(thousand_epochs_parts.GAIN) + 1
    assert panels[0].get_title().startswith(WEIGHT)
