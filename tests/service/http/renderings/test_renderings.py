"""A report as Markdown, HTML and CSV."""

import csv
import io
from typing import Any

import pytest

from api_schemas.evaluation import Figure, FlopCount, Report
from api_schemas.scores import Score
from service.http.renderings import csv_trials, html_page, markdown

SET = "ds_" + "0" * 26
JOB = "job_" + "0" * 26

Row = dict[str, Any]


def row(
    arm: str, architecture: str, accuracies: list[float], views: str = "full", quoted: bool = True
) -> dict[str, Any]:
    trials = [
        {
            "trial": number,
            "seed": number + 7,
            "accuracy": accuracy,
            "per_class_accuracy": [accuracy],
            "correct": "",
            "grad_cam": None,
            "losses": [1.0],
            "seconds": 2.0,
            "peak_bytes": 1,
            "predicted_peak_bytes": 1,
        }
        for number, accuracy in enumerate(accuracies)
    ]
    return {
        "dataset": SET,
        "arm": arm,
        "architecture": architecture,
        "trials": trials,
        "mean": sum(accuracies) / len(accuracies),
        "std": 0.5,
        "ci95": [40.0, 41.25],
        "labels": "hard",
        "epochs": 1000,
        "steps": 1000,
        "forwards": 26_000,
        "images_seen": 1000,
        "flops": 10**9,
        "seconds": 2.0,
        "recipe": {
            "name": "glad",
            "views": views,
            "reduction": "sum",
            "precision": "exact",
            "arithmetic": {"dtype": "float32", "layout": "channels_last", "compiled": True},
        },
        "rule": "last epoch",
        "in_summary": quoted,
    }


def picture(figure: Figure) -> bytes:
    return f"PNG of {figure.name}".encode()


def report_with(points: list[dict[str, Any]] | None = None, paper: list[dict[str, Any]] | None = None) -> Report:
    rows = [
        row("baseline", "ViT", [40.0, 41.0]),
        row("ladd", "ViT", [44.0, 46.0], "sampled:1", quoted=False),
        row("ladd", "ViT", [45.0, 46.0]),
        row("baseline", "VGG11", [30.0]),
    ]
    summary = [
        {"dataset": SET, "arm": arm, "k": 2, "architectures": ["ViT", "VGG11"], "cae_mean": cae, "cae_std": 0.75}
        for arm, cae in (("baseline", 35.25), ("ladd", 45.5))
    ]
    compared = {
        "dataset": SET,
        "arm": "ladd",
        "architecture": "ViT",
        "difference": 5.0,
        "ci95": [-0.5, 10.5],
        "trials_ci95": [4.0, 6.0],
        "p_value": 0.03,
        "adjusted_p": 0.06,
        "verdict": "no evidence",
    }
    count = {"plain_bytes": 1000, "augmented_bytes": 1025, "overhead": 0.025}
    cost = {"flops": 2 * 10**15, "bytes": 0, "seconds": 12.5}
    parts = {"labelling": None, "labeler_training": None, "deployment": cost}
    encoding = {
        "encoding": "uint8",
        "bytes": 7000,
        "overhead_raw": 0.1,
        "overhead_zipped": 0.125,
        "overhead_jpeg": 1.5,
        "kl": 0.00012,
        "total_variation": 0.005,
    }
    document = {
        "job": JOB,
        "kind": "evaluate",
        "params": {"tag": "</pre><script>alert(1)</script>"},
        "evaluation": {
            "source_dataset": SET,
            "test_images": 1234,
            "rows": rows,
            "summary": summary,
            "comparisons": [compared],
        },
        "storage": {
            "paper": count,
            "raw": count,
            "stored": count,
            "encoding": "float32",
            "full_labels_bytes": 4,
            "encodings": [encoding],
        },
        "flops": {"labelling": None, "labeler_training": None, "deployment": 4 * 10**9},
        "cost": {"predicted": parts, "counted": parts},
        "versions": {"torch": "2.13.0"},
        "hardware": "2 cores",
        "notes": ["JPEG <copy>"],
        "labelling": None,
        "points": points or [],
        "paper": paper or [],
        "figures": [
            {
                "name": "accuracy",
                "title": "A & B",
                "png": f"/v1/jobs/{JOB}/figures/accuracy.png",
                "sha256": "0",
                "data": {},
            }
        ],
    }
    return Report.model_validate(document)


@pytest.fixture
def report() -> Report:
    return report_with()


def test_markdown_quotes_the_rows_of_the_summary(report: Report) -> None:
    text = markdown.render(report, picture)
    assert "| ViT | 40.50 ± 0.50 [40.00, 41.25] | 45.50 ± 0.50 [40.00, 41.25] |" in text
    assert "| VGG11 | 30.00 ± 0.50 [40.00, 41.25] | - |" in text
    assert "| 2-CAE | 35.25 ± 0.75 | 45.50 ± 0.75 |" in text
    assert "on 1,234 real test images" in text
    assert "| LADD minus baseline | ViT | +5.00 | -0.50 to +10.50 | 0.06 | no evidence |" in text
    assert "| zipped, as the paper counts | 1,000 | 1,025 | +2.50% |" in text
    assert "| uint8 | 7,000 | +10.00% | +12.50% | +150.00% | 0.00012 | 0.005 |" in text
    assert "| deployment | 2 PFLOP, 0.0 MiB, device time 12.5 s | 2 PFLOP, 0.0 MiB, device time 12.5 s |" in text
    assert "![A & B](figures/accuracy.png)" in text
    assert "- JPEG <copy>" in text


def test_a_report_without_an_evaluation_has_no_empty_tables(report: Report) -> None:
    uncounted = FlopCount(labelling=None, labeler_training=None, deployment=None)
    nothing = {"evaluation": None, "storage": None, "cost": None, "flops": uncounted}
    text = markdown.render(report.model_copy(update=nothing), picture)
    assert "##" not in text
    assert "JPEG" in text


def test_html_shows_text_as_text(report: Report) -> None:
    page = html_page.render(report, picture)
    assert "<script>" not in page
    assert "JPEG &lt;copy&gt;" in page
    # Charts stand for the figure `accuracy`; one that no chart stands for is in the page as it is.
    assert "UE5HIG9mIGFjY3VyYWN5" not in page
    assert page.count("<svg ") >= 2
    other = report.model_copy(update={"figures": [report.figures[0].model_copy(update={"name": "grad_cam"})]})
    assert '<img src="data:image/png;base64,UE5HIG9mIGdyYWRfY2Ft" alt="A &amp; B">' in html_page.render(other, picture)
    assert "/v1/" not in page
    assert "<td>2-CAE</td><td>35.25 ± 0.75</td>" in page


INPUTS = [
    {
        "id": SET,
        "name": "cats",
        "role": "distilled",
        "made_here": False,
        "warnings": ["values exceed <white>"],
        "classes": "tench is n01440764",
    },
    {
        "id": "lb_" + "0" * 26,
        "name": "mine",
        "role": "labeler",
        "made_here": True,
        "warnings": [],
        "classes": None,
    },
]


def test_warnings_of_every_input_come_first_then_the_result(report: Report) -> None:
    known = Report.model_validate(report.model_dump() | {"inputs": INPUTS})
    text = markdown.render(known, picture)
    title, warnings, result, first_table, *_ = text.split("\n\n")
    assert title.startswith("# Report")
    assert warnings.splitlines() == [
        "- **Warning:** distilled cats: values exceed <white>",
        "- **Warning:** classes of cats were matched with the source set's by tench is n01440764",
    ]
    assert result == (
        "**baseline 35.25 % as the mean of 2 architectures; ladd 45.50 % as the mean of 2 architectures, "
        "on 1,234 test images of cats, 1 trial.**"
    )
    assert first_table == "## Accuracy in % on 1,234 real test images after the last epoch, cats"
    page = html_page.render(known, picture)
    assert "<strong>Warning:</strong> distilled cats: values exceed &lt;white&gt;" in page
    assert page.index("Warning") < page.index("as the mean of") < page.index("<table>")


def test_the_sentence_names_difference_and_interval(report: Report) -> None:
    assert report.evaluation is not None
    cae = report.evaluation.comparisons[0].model_copy(update={"architecture": None, "verdict": "better"})
    evaluation = report.evaluation.model_copy(update={"comparisons": [cae]})
    text = markdown.render(report.model_copy(update={"evaluation": evaluation}), picture)
    assert (
        "LADD 45.50 % against 35.25 % of the baseline, +5.00 points (95 % interval -0.50 to +10.50: better), as the "
        "mean of 2 architectures, on 1,234 test images"
    ) in text


def test_the_sentence_says_where_trials_are_too_few(report: Report) -> None:
    assert report.evaluation is not None
    nothing = {"architecture": None, "ci95": None, "p_value": None, "adjusted_p": None, "verdict": "too few trials"}
    cae = report.evaluation.comparisons[0].model_copy(update=nothing)
    few = report.model_copy(update={"evaluation": report.evaluation.model_copy(update={"comparisons": [cae]})})
    for text in (markdown.render(few, picture), html_page.render(few, picture)):
        assert "of the baseline, +5.00 points (too few trials for an interval), as the mean of" in text
    assert "| LADD minus baseline | CAE | +5.00 | - | - | too few trials |" in markdown.render(few, picture)


def test_a_report_of_an_earlier_version_is_still_shown(report: Report) -> None:
    document = report.model_dump()
    for found in document["evaluation"]["comparisons"]:
        del found["p_value"], found["adjusted_p"]
    earlier = Report.model_validate(document)
    assert "| LADD minus baseline | ViT | +5.00 | -0.50 to +10.50 | - | no evidence |" in markdown.render(
        earlier, picture
    )


def test_csv_has_every_trial(report: Report) -> None:
    lines = list(csv.DictReader(io.StringIO(csv_trials.render(report, picture))))
    assert len(lines) == 7
    assert lines[2] | {"seconds": ""} == {
        "dataset": SET,
        "arm": "ladd",
        "architecture": "ViT",
        "trial": "0",
        "seed": "7",
        "accuracy": "44.0",
        "seconds": "",
        "epochs": "1000",
        "forwards": "26000",
        "recipe": "glad",
        "views": "sampled:1",
        "reduction": "sum",
        "precision": "exact",
        "computed_in": "IEEE float32, compiled",
        "in_summary": "False",
        "paper_mean": "",
        "paper_std": "",
        "view_weight": "",
        "lrs": "",
        "ars": "",
        "accuracy of class 0": "44.0",
    }


def test_classes_stand_under_their_names_whatever_these_are(report: Report) -> None:
    source = {"id": SET, "name": "real", "role": "source", "made_here": False, "warnings": [], "classes": None}
    named = Report.model_validate(report.model_dump() | {"inputs": [source | {"class_names": ["a|b\nc"]}]})
    assert "| a\\|b c | 40.5 | 45.5 | +5.0 |" in markdown.render(named, picture)
    assert "<td>a|b\nc</td><td>40.5</td><td>45.5</td><td>+5.0</td>" in html_page.render(named, picture)
    (first, *_) = csv.DictReader(io.StringIO(csv_trials.render(named, picture)))
    assert first["accuracy of a|b\nc"] == "40.0"


def test_csv_has_the_scores_of_the_rows_that_are_quoted(report: Report) -> None:
    of = {"dataset": SET, "arm": "ladd", "name": "LRS", "score": 0.25, "accuracies": {"ladd": 45.5}}
    scores = [Score.model_validate(of | {"architecture": architecture}) for architecture in ("ViT", None)]
    text = csv_trials.render(report.model_copy(update={"scores": scores}), picture)
    lines = [line for line in csv.DictReader(io.StringIO(text)) if line["arm"] == "ladd"]
    assert [(line["views"], line["lrs"], line["ars"]) for line in lines] == [
        *[("sampled:1", "", "")] * 2,
        *[("full", "0.25", "")] * 2,
    ]


def test_a_sweep_has_a_line_for_each_point() -> None:
    point = {"n": 3, "ratio": 0.5, "epoch": 20, "labeler_mean_entropy": None, "agreement": 90.4, "overhead": 0.025}
    text = markdown.render(report_with([point | {"dataset": SET, "labeler_val_accuracy": 61.25}]), picture)
    assert "| point | baseline, k-CAE | LADD, k-CAE | labeler val % | entropy | agreement % | overhead |" in text
    assert "| N 3, R 0.5, epoch 20 | 35.25 ± 0.75 | 45.50 ± 0.75 | 61.2 | - | 90 | +2.5% |" in text


def test_the_papers_numbers_stand_beside_ours() -> None:
    source, cae = "GLaD-MTT, imagenette at 128 px, 5 IPC", ["ViT", "VGG11"]
    paper = [
        {"dataset": SET, "arm": arm, "cae_mean": mean, "source": source, "tables": ["Table 6"], **networks}
        for arm, mean, networks in (
            ("ladd", 35.9, {"architecture": "ViT", "architectures": ["ViT"], "std": 1.5, "difference": 9.6}),
            ("baseline", 44.2, {"architectures": cae, "difference": -8.95}),
            ("ladd", 53.9, {"architectures": ["ViT"]}),
        )
    ]
    report = report_with(paper=paper)
    text = markdown.render(report, picture)
    assert f"## Beside the paper: {source}, {SET}" in text
    assert "| arm | networks | here | paper | difference | where in the paper |" in text
    assert "| LADD | ViT | 45.50 ± 0.50 | 35.9 ± 1.5 | +9.60 | Table 6 |" in text
    assert "| baseline | 2-CAE | 35.25 ± 0.50 | 44.2 | -8.95 | Table 6 |" in text
    page = html_page.render(report, picture)
    assert '<td>45.50 ± 0.50</td><td class="paper">35.9 ± 1.5</td><td>+9.60</td>' in page
    lines = list(csv.DictReader(csv_trials.render(report, picture).splitlines()))
    theirs = {(line["arm"], line["architecture"]): (line["paper_mean"], line["paper_std"]) for line in lines}
    assert theirs == {("baseline", "ViT"): ("", ""), ("ladd", "ViT"): ("35.9", "1.5"), ("baseline", "VGG11"): ("", "")}


def test_without_numbers_of_the_paper_there_is_no_column(report: Report) -> None:
    assert "paper</" not in html_page.render(report, picture)
    assert "Beside the paper" not in markdown.render(report, picture)
