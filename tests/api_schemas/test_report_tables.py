"""The text of a report's tables, whatever lays them out."""

from typing import Any

from api_schemas.arms import ArmName
from api_schemas.cost import Cost, CostParts, JobCost
from api_schemas.evaluation import (
    Comparison,
    Evaluation,
    EvaluationRow,
    EvaluationSummary,
    FlopCount,
    PaperNumber,
    Report,
    TrialRow,
)
from api_schemas.labelers import Architecture
from api_schemas.report_tables import measured, normalizations_in_words, predicted_cost, tables
from api_schemas.storage import EncodingCost, Storage, StorageCount
from api_schemas.table import Table
from method.normalizations import NORMALIZATIONS
from method.verdicts import Verdict

GLAD_WP, IMAGENET = NORMALIZATIONS["glad_wp"], NORMALIZATIONS["imagenet"]
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
    architecture: Architecture | None, difference: float, verdict: Verdict, adjusted_p: float | None
) -> Comparison:
    return Comparison(
        dataset=SET,
        arm="ladd",
        architecture=architecture,
        difference=difference,
        ci95=None if adjusted_p is None else [-3.25, 0.25],
        trials_ci95=None if adjusted_p is None else [-3.0, 0.0],
        p_value=adjusted_p,
        adjusted_p=adjusted_p,
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
    comparisons=[
        comparison("ConvNetD3", 1.25, "too few trials", None),
        comparison("VGG11", -1.5, "no evidence", 0.0834),
        comparison(None, -0.125, "worse", 0.00001),
    ],
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


def of(evaluation: Evaluation) -> list[Table]:
    return measured(evaluation, None, None, None, intervals=False)


def test_one_row_per_architecture_with_both_arms_and_their_difference() -> None:
    accuracies = of(EVALUATION)[0]
    assert accuracies.title == f"Accuracy in % on 10,000 real test images after the last epoch, {SET}"
    assert accuracies.header == ["architecture", "baseline", "LADD", "difference"]
    assert accuracies.rows == [
        ["ConvNetD3", "70.00 ± 0.25", "71.25 ± 0.50", "+1.25"],
        ["VGG11", "61.50 ± 0.75", "60.00 ± 1.00", "-1.50"],
        ["2-CAE", "65.75 ± 0.50", "65.62 ± 0.75", "-0.12"],
    ]


def test_intervals_stand_beside_the_means_where_there_is_room() -> None:
    wide = row("ladd", "VGG11", 60.0, 1.0, 6000).model_copy(update={"ci95": [57.5, 62.5]})
    few = row("ladd", "ViT", 50.0, 1.0, 6000)
    evaluation = EVALUATION.model_copy(update={"rows": [wide, few], "summary": [], "comparisons": []})
    assert measured(evaluation, None, None, None, intervals=True)[0].rows == [
        ["VGG11", "60.00 ± 1.00 [57.50, 62.50]"],
        ["ViT", "50.00 ± 1.00 [too few trials]"],
    ]
    assert of(evaluation)[0].rows == [["VGG11", "60.00 ± 1.00"], ["ViT", "50.00 ± 1.00"]]


def test_the_protocol_has_a_line_for_each_set_of_settings() -> None:
    protocol = of(EVALUATION)[-1]
    assert protocol.header == [
        "arm",
        "recipe",
        "views",
        "view weight",
        "precision",
        "normalised by",
        "computed in",
        "epochs",
        "trials",
        "forwards",
    ]
    assert protocol.rows == [
        ["LADD", "glad", "sampled:2", "sum", "-", "-", "-", "20", "2", "6,000"],
        ["baseline", "glad", "sampled:2", "sum", "-", "-", "-", "20", "2", "2,000"],
    ]


def test_the_statistics_are_named_where_they_are_others_than_those_of_the_training_images() -> None:
    glad, imagenet = ({"mean": list(mean), "std": list(std)} for mean, std in (GLAD_WP, IMAGENET))
    measured = {"mean": [0.28604], "std": [0.353]}

    def words(**applied: Any) -> str:
        return normalizations_in_words({"normalization": {"labeler": None, **applied}})

    assert words(training=glad, test=imagenet, labeler=[imagenet]) == "glad_wp, test imagenet, labeler imagenet"
    assert words(training=imagenet, test=imagenet, labeler=[imagenet, imagenet]) == "imagenet"
    assert words(training=imagenet, test=imagenet, labeler=[imagenet, glad]) == "imagenet, labeler imagenet and glad_wp"
    assert words(training=measured, test=measured) == "0.286 / 0.353"


def test_forwards_that_differ_between_sets_are_all_named() -> None:
    other = row("baseline", "VGG11", 50.0, 0.0, 1000, OTHER_SET)
    protocol = of(EVALUATION.model_copy(update={"rows": [*EVALUATION.rows, other]}))[-1]
    assert [cells[-1] for cells in protocol.rows] == ["6,000", "1,000 / 2,000"]


def test_a_single_arm_has_no_difference() -> None:
    rows = [row for row in EVALUATION.rows if row.arm == "baseline"]
    accuracies = of(EVALUATION.model_copy(update={"rows": rows, "summary": [], "comparisons": []}))[0]
    assert accuracies.header == ["architecture", "baseline"]
    assert accuracies.rows[0] == ["ConvNetD3", "70.00 ± 0.25"]


def test_an_arm_missing_for_one_architecture_leaves_a_dash() -> None:
    accuracies = of(EVALUATION.model_copy(update={"rows": EVALUATION.rows[:3]}))[0]
    assert accuracies.rows[1] == ["VGG11", "-", "60.00 ± 1.00", "-"]


def test_several_sets_get_a_table_each() -> None:
    extra = row("baseline", "ConvNetD3", 50.0, 0.0, 2000, OTHER_SET)
    first, _, second, _ = of(EVALUATION.model_copy(update={"rows": [*EVALUATION.rows, extra]}))
    assert first.title.endswith(SET)
    assert first.rows[0][1] == "70.00 ± 0.25"
    assert second.title.endswith(OTHER_SET)
    assert second.rows == [["ConvNetD3", "50.00 ± 0.00"]]


def test_comparisons_say_interval_and_verdict() -> None:
    assert of(EVALUATION)[1].rows == [
        ["LADD minus baseline", "ConvNetD3", "+1.25", "-", "-", "too few trials"],
        ["LADD minus baseline", "VGG11", "-1.50", "-3.25 to +0.25", "0.083", "no evidence"],
        ["LADD minus baseline", "CAE", "-0.12", "-3.25 to +0.25", "< 0.0001", "worse"],
    ]


def test_storage_counts_three_ways() -> None:
    storage, encodings = measured(None, STORAGE, None, None, intervals=True)
    assert storage.rows == [
        ["zipped, as the paper counts", "40,000", "41,000", "+2.50%"],
        ["the same, not zipped", "40,000", "41,000", "+2.50%"],
        ["as stored here (float32)", "40,000", "41,000", "+2.50%"],
        ["soft labels of whole images besides", "-", "4,000", "-"],
    ]
    assert encodings.rows == [["uint8", "7,000", "+10.00%", "+12.50%", "+150.00%", "0.00012", "0.005"]]


def test_one_image_more_per_class_stands_beside_the_labels() -> None:
    plus = StorageCount(plain_bytes=40_000, augmented_bytes=48_000, overhead=0.2)
    storage, _ = measured(None, STORAGE.model_copy(update={"plus": plus}), None, None, intervals=True)
    assert storage.rows[3] == ["zipped, one image more per class instead", "40,000", "48,000", "+20.00%"]


def test_flops_in_petaflop_and_nothing_for_what_was_not_counted() -> None:
    (flops,) = measured(None, None, FLOPS, None, intervals=True)
    assert flops.rows == [["labelling", "0.00215"], ["deployment (all arms and trials)", "51"]]
    assert (
        measured(None, None, FlopCount(labelling=None, labeler_training=None, deployment=None), None, intervals=True)
        == []
    )


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


def paper_number(arm: ArmName, mean: float, *architectures: Architecture, **known: Any) -> PaperNumber:
    alone = architectures[0] if len(architectures) == 1 else None
    source = "GLaD-MTT, imagenette at 128 px, 5 IPC"
    known = {"architecture": alone, "architectures": list(architectures), **known}
    return PaperNumber(dataset=SET, arm=arm, cae_mean=mean, source=source, **known)


def test_the_papers_numbers_stand_beside_ours() -> None:
    both = ("ConvNetD3", "VGG11")
    paper = [
        paper_number("ladd", 55.7, "VGG11", tables=["Table 6"], difference=4.3),
        paper_number("baseline", 44.2, *both, tables=["Table 5", "Table 6"], difference=21.55, std=1.0, remark="slip"),
        paper_number("ladd", 53.9, *both, tables=["Table 1"], std=0.9, difference=11.73, overhead=0.025),
    ]
    assert tables(report_with(paper))[-1] == Table(
        f"Beside the paper: GLaD-MTT, imagenette at 128 px, 5 IPC, {SET}",
        ["arm", "networks", "here", "paper", "difference", "where in the paper"],
        [
            ["LADD", "VGG11", "60.00 ± 1.00", "55.7", "+4.30", "Table 6"],
            ["baseline", "2-CAE", "65.75 ± 0.50", "44.2 ± 1.0", "+21.55", "Table 5, Table 6; slip"],
            ["LADD", "2-CAE", "65.62 ± 0.75", "53.9 ± 0.9", "+11.73", "Table 1"],
            ["LADD relative to baseline", "2-CAE", "-0.2%", "+21.9%", "-", "-"],
            ["storage added by LADD", "-", "+2.50%", "+2.5%", "-", "Table 1"],
        ],
        muted=3,
    )


def test_the_gain_relative_to_the_baseline_is_over_the_same_networks() -> None:
    paper = [paper_number("baseline", 44.2, "ConvNetD3", "VGG11"), paper_number("ladd", 58.4, "VGG11")]
    assert [line[0] for line in tables(report_with(paper))[-1].rows] == ["baseline", "LADD"]


def test_a_report_from_before_there_were_networks_beside_the_paper_is_shown() -> None:
    stored = {"dataset": SET, "arm": "ladd", "cae_mean": 53.9, "source": "MTT (Table 5)"}
    table = tables(report_with([PaperNumber.model_validate(stored)]))[-1]
    assert table.title == f"Beside the paper: MTT (Table 5), {SET}"
    assert table.rows == [["LADD", "k-CAE", "65.62 ± 0.75", "53.9", "-", "-"]]
    assert not any("paper:" in table.title for table in tables(report_with([])))


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
    accuracies, _, protocol = of(EVALUATION.model_copy(update={"rows": rows}))
    assert accuracies.header[-1] == "views"
    assert [(cells[0], cells[2], cells[-1]) for cells in accuracies.rows] == [
        ("ConvNetD3", "72.50 ± 0.50", "full"),
        ("VGG11", "66.00 ± 0.50", "sampled:1"),
        ("2-CAE", "65.62 ± 0.75", ""),
    ]
    assert [cells[2] for cells in protocol.rows if cells[0] == "LADD"] == ["full", "sampled:1"]


def test_cost_is_told_in_one_line_before_and_as_a_table_after() -> None:
    assert predicted_cost(COST.predicted) == (
        "predicted cost: labelling 0.00215 PFLOP, 2.0 MiB, device time not known yet; "
        "deployment 51 PFLOP, 0.0 MiB, device time 1 min 30 s"
    )
    (cost,) = measured(None, None, None, COST, intervals=True)
    assert cost.header == ["part", "predicted", "counted"]
    assert cost.rows == [
        [
            "labelling",
            "0.00215 PFLOP, 2.0 MiB, device time not known yet",
            "0.00215 PFLOP, 1.0 MiB, device time 4.0 s",
        ],
        ["deployment", "51 PFLOP, 0.0 MiB, device time 1 min 30 s", "12 PFLOP, 0.0 MiB, device time 45.5 s"],
    ]
