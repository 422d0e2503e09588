import re
from typing import Literal

from api_schemas.cost import Cost, CostParts, JobCost
from api_schemas.evaluation import (
    ArmName,
    Comparison,
    EncodingCost,
    Evaluation,
    EvaluationRow,
    EvaluationSummary,
    FlopCount,
    PaperNumber,
    Report,
    Storage,
    StorageCount,
    TrialRow,
)
from api_schemas.labelers import Architecture
from client.tables import (
    cost_line,
    cost_table,
    evaluation_table,
    flops_lines,
    measured_text,
    report_text,
    storage_lines,
    text_table,
)

SET = "ds_" + "0" * 26
OTHER_SET = "ds_" + "1" * 26


def row(
    arm: ArmName, architecture: Architecture, mean: float, std: float, forwards: int, dataset: str = SET
) -> EvaluationRow:
    trial = TrialRow(
        trial=0,
        seed=0,
        accuracy=mean,
        per_class_accuracy=[],
        correct="",
        grad_cam=None,
        losses=[],
        seconds=1.0,
        peak_bytes=1,
        predicted_peak_bytes=1,
    )
    return EvaluationRow(
        dataset=dataset,
        arm=arm,
        architecture=architecture,
        trials=[trial, trial],
        mean=mean,
        std=std,
        ci95=None,
        labels="hard",
        epochs=20,
        steps=20,
        forwards=forwards,
        images_seen=2000,
        flops=1,
        seconds=2.0,
        recipe={"name": "glad", "views": "sampled:2", "reduction": "sum"},
        rule="last epoch",
        in_summary=True,
    )


def summary(arm: ArmName, mean: float, std: float, dataset: str = SET) -> EvaluationSummary:
    architectures = ["ConvNetD3", "VGG11"]
    return EvaluationSummary(dataset=dataset, arm=arm, k=2, architectures=architectures, cae_mean=mean, cae_std=std)


def comparison(
    architecture: Architecture | None, difference: float, verdict: Literal["better", "worse", "no evidence"]
) -> Comparison:
    return Comparison(
        dataset=SET,
        arm="ladd",
        architecture=architecture,
        difference=difference,
        ci95=[-3.25, 0.25],
        trials_ci95=[-3.0, 0.0],
        verdict=verdict,
    )


EVALUATION = Evaluation(
    source_dataset=SET,
    test_images=10_000,
    rows=[
        row("ladd", "ConvNetD3", 71.25, 0.5, 6000),
        row("baseline", "ConvNetD3", 70.0, 0.25, 2000),
        row("ladd", "VGG11", 60.0, 1.0, 6000),
        row("baseline", "VGG11", 61.5, 0.75, 2000),
    ],
    summary=[summary("baseline", 65.75, 0.5), summary("ladd", 65.625, 0.75)],
    comparisons=[comparison("VGG11", -1.5, "no evidence"), comparison(None, -0.125, "worse")],
)
COUNT = StorageCount(plain_bytes=40_000, augmented_bytes=41_000, overhead=0.025)
UINT8 = EncodingCost(
    encoding="uint8",
    bytes=7000,
    overhead_raw=0.1,
    overhead_zipped=0.125,
    overhead_jpeg=1.5,
    kl=0.00012,
    total_variation=0.005,
)
STORAGE = Storage(paper=COUNT, raw=COUNT, stored=COUNT, encoding="float32", full_labels_bytes=4000, encodings=[UINT8])
COST = JobCost(
    predicted=CostParts(
        labelling=Cost(flops=2_150_000_000_000, bytes=2 << 20, seconds=None),
        labeler_training=None,
        deployment=Cost(flops=51_000_000_000_000_000, bytes=0, seconds=90.0),
    ),
    counted=CostParts(
        labelling=Cost(flops=2_150_000_000_000, bytes=1 << 20, seconds=4.0),
        labeler_training=None,
        deployment=Cost(flops=12_000_000_000_000_000, bytes=0, seconds=45.5),
    ),
)
FLOPS = FlopCount(labelling=2_150_000_000_000, labeler_training=None, deployment=51_000_000_000_000_000)


def test_text_table_aligns_first_column_left_and_others_right() -> None:
    assert text_table(["name", "n"], [["a", "1"], ["bcdef", "1,000"]]).splitlines() == [
        "name       n",
        "-----  -----",
        "a          1",
        "bcdef  1,000",
    ]


def test_one_row_per_architecture_with_both_arms_and_their_difference() -> None:
    lines = evaluation_table(EVALUATION).splitlines()
    assert lines[0].split() == [
        "architecture", "baseline", "LADD", "difference", "forwards", "baseline", "forwards", "LADD",
    ]  # fmt: skip
    assert lines[2].split() == ["ConvNetD3", "70.00", "±", "0.25", "71.25", "±", "0.50", "+1.25", "2,000", "6,000"]
    assert lines[3].split() == ["VGG11", "61.50", "±", "0.75", "60.00", "±", "1.00", "-1.50", "2,000", "6,000"]
    assert lines[4].split() == ["2-CAE", "65.75", "±", "0.50", "65.62", "±", "0.75", "-0.12"]


def test_the_protocol_stands_under_the_table() -> None:
    text = evaluation_table(EVALUATION)
    for fact in ("10,000 real test images", "2 trials", "20 epochs", "recipe glad", "views sampled:2", "reduction sum"):
        assert fact in text


def test_a_single_arm_has_no_difference() -> None:
    rows = [row for row in EVALUATION.rows if row.arm == "baseline"]
    update = {"rows": rows, "summary": [], "comparisons": []}
    lines = evaluation_table(EVALUATION.model_copy(update=update)).splitlines()
    assert lines[0].split() == ["architecture", "baseline", "forwards", "baseline"]
    assert lines[2].split() == ["ConvNetD3", "70.00", "±", "0.25", "2,000"]


def test_an_arm_missing_for_one_architecture_leaves_a_dash() -> None:
    lines = evaluation_table(EVALUATION.model_copy(update={"rows": EVALUATION.rows[:3]})).splitlines()
    assert lines[3].split() == ["VGG11", "-", "60.00", "±", "1.00", "-", "-", "6,000"]


def test_several_sets_get_a_table_each() -> None:
    extra = row("baseline", "ConvNetD3", 50.0, 0.0, 2000, OTHER_SET)
    text = evaluation_table(EVALUATION.model_copy(update={"rows": [*EVALUATION.rows, extra]}))
    first, second = text.split(OTHER_SET)
    assert first.startswith(SET)
    assert "70.00 ± 0.25" in first
    assert "50.00 ± 0.00" in second
    assert "70.00" not in second


def test_comparisons_say_interval_and_verdict() -> None:
    text = evaluation_table(EVALUATION)
    assert re.search(r"^LADD minus baseline +VGG11 +-1\.50 +-3\.25 to \+0\.25 +no evidence$", text, re.MULTILINE)
    assert re.search(r"^LADD minus baseline +CAE +-0\.12 .* worse$", text, re.MULTILINE)


def test_storage_counts_three_ways() -> None:
    lines = storage_lines(STORAGE)
    assert len(lines) == 5
    assert lines[3].endswith("whole images besides: 4,000 bytes")
    assert "as uint8: dense labels of 7,000 bytes, +12.50% on the zipped images, KL to float32 0.00012" in lines[4]
    assert "40,000 -> 41,000 bytes (+2.50%)" in lines[0]
    assert "paper" in lines[0]


def test_flops_in_petaflop_and_nothing_for_what_was_not_counted() -> None:
    assert flops_lines(FLOPS) == [
        "FLOPs, labelling: 0.00215 PFLOP",
        "FLOPs, deployment (all arms and trials): 51 PFLOP",
    ]


def test_absent_parts_leave_no_gap() -> None:
    assert measured_text(None, None, None, None) == ""
    assert measured_text(None, STORAGE, None, None) == "\n".join(storage_lines(STORAGE))


def report_with(paper: list[PaperNumber]) -> Report:
    return Report(
        job="job_" + "0" * 26,
        kind="ladd",
        params={},
        evaluation=EVALUATION,
        labelling=None,
        storage=STORAGE,
        flops=FLOPS,
        cost=COST,
        versions={"torch": "2.13.0", "numpy": "2.3"},
        hardware="2 CPU cores",
        notes=["JPEG copy"],
        figures=[],
        points=[],
        paper=paper,
    )


def test_a_report_ends_with_where_it_ran_and_its_notes() -> None:
    text = report_text(report_with([]))
    assert text.splitlines()[-2:] == ["2 CPU cores; torch 2.13.0, numpy 2.3", "note: JPEG copy"]
    assert cost_table(COST) in text
    assert "beside the paper" not in text


def test_the_papers_numbers_stand_beside_ours() -> None:
    source = "GLaD-MTT, imagenette at 128 px, 5 IPC (Table 6)"
    paper = [
        PaperNumber(dataset=SET, arm=arm, cae_mean=mean, source=source)
        for arm, mean in (("baseline", 44.2), ("ladd", 53.9))
    ]
    text = report_text(report_with(paper))
    table = text_table(
        ["arm", "2-CAE here", "paper"],
        [
            ["baseline", "65.75 ± 0.50", "44.2"],
            ["LADD", "65.62 ± 0.75", "53.9"],
            ["LADD relative to baseline", "-0.2%", "+21.9%"],
        ],
    )
    assert f"\n\nbeside the paper: {source}, {SET}\n{table}\n\n" in text


def test_an_arm_alone_beside_the_paper_has_no_gain() -> None:
    text = report_text(report_with([PaperNumber(dataset=SET, arm="ladd", cae_mean=53.9, source="MTT")]))
    assert "beside the paper: MTT" in text
    assert "relative to baseline" not in text


def test_of_progressive_views_the_row_of_the_summary_is_shown_with_its_policy() -> None:
    def progressive(architecture: Architecture, mean: float, views: str, in_summary: bool) -> EvaluationRow:
        found = row("ladd", architecture, mean, 0.5, 6000)
        return found.model_copy(update={"recipe": found.recipe | {"views": views}, "in_summary": in_summary})

    rows = [
        *(each for each in EVALUATION.rows if each.arm == "baseline"),
        progressive("ConvNetD3", 71.25, "sampled:1", in_summary=False),
        progressive("VGG11", 66.0, "sampled:1", in_summary=True),
        progressive("ConvNetD3", 72.5, "full", in_summary=True),
    ]
    header, _, *lines = evaluation_table(EVALUATION.model_copy(update={"rows": rows})).splitlines()
    assert header.split()[-1] == "views"
    cells = [line.split() for line in lines[:3]]
    assert [(line[0], line[4], line[-1]) for line in cells[:2]] == [
        ("ConvNetD3", "72.50", "full"),
        ("VGG11", "66.00", "sampled:1"),
    ]
    assert cells[2][0] == "2-CAE"
    assert "71.25" not in "".join(lines)
    assert "views full / sampled:1" in lines[-2]


def test_cost_is_told_in_one_line_before_and_as_a_table_after() -> None:
    assert cost_line(COST.predicted) == (
        "predicted cost: labelling 0.00215 PFLOP, 2.0 MiB, device time not known yet; "
        "deployment 51 PFLOP, 0.0 MiB, device time 1 min 30 s"
    )
    lines = [re.split(r"  +", line) for line in cost_table(COST).splitlines()]
    assert lines[0] == ["cost", "predicted", "counted"]
    assert lines[2:] == [
        [
            "labelling",
            "0.00215 PFLOP, 2.0 MiB, device time not known yet",
            "0.00215 PFLOP, 1.0 MiB, device time 4.0 s",
        ],
        ["deployment", "51 PFLOP, 0.0 MiB, device time 1 min 30 s", "12 PFLOP, 0.0 MiB, device time 45.5 s"],
    ]
