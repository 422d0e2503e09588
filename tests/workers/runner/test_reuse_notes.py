"""The note of a report on trials that earlier jobs have run."""

from typing import Any

from api_schemas.evaluation import Evaluation
from workers.ladd.evaluation.rows import merge_trials
from workers.runner.report_notes import reuse_notes

EARLIER = "job_" + "0" * 26


def evaluation(*origins: str | None) -> Evaluation:
    rows = merge_trials(result(number, origin) for number, origin in enumerate(origins))
    return Evaluation(source_dataset="ds_" + "0" * 26, test_images=8, rows=rows, summary=[], comparisons=[])


def result(number: int, origin: str | None) -> dict[str, Any]:
    return {
        "dataset": "ds_" + "1" * 26,
        "arm": "baseline",
        "architecture": "ConvNetD3",
        "labels": "hard",
        "epochs": 1,
        "steps": 1,
        "forwards": 1,
        "images_seen": 1,
        "flops": 1,
        "recipe": {"views": "full"},
        "rule": "last epoch",
        "trial": {
            "trial": number,
            "seed": number,
            "accuracy": 50.0,
            "per_class_accuracy": [50.0],
            "correct": "",
            "grad_cam": None,
            "losses": [1.0],
            "seconds": 1.0,
            "peak_bytes": 1,
            "predicted_peak_bytes": 1,
            "reused_from": origin,
        },
    }


def test_the_note_says_how_many_and_whose() -> None:
    [note] = reuse_notes(evaluation(EARLIER, EARLIER, None))
    assert note.startswith(f"2 of 3 trials were run before, by {EARLIER}, ")


def test_nothing_is_said_of_trials_of_the_jobs_own() -> None:
    assert reuse_notes(evaluation(None, None)) == []
