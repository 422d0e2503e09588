from api_schemas.evaluation import (
    ArmName,
    Evaluation,
    EvaluationRow,
    EvaluationSummary,
    FlopCount,
    Report,
    Storage,
    StorageCount,
    TrialRow,
)
from api_schemas.labelers import Architecture
from client.tables import evaluation_table, flops_lines, measured_text, report_text, storage_lines, text_table

SET = "ds_" + "0" * 26
OTHER_SET = "ds_" + "1" * 26


def row(
    arm: ArmName, architecture: Architecture, mean: float, std: float, forwards: int, dataset: str = SET
) -> EvaluationRow:
    trial = TrialRow(trial=0, seed=0, accuracy=mean, per_class_accuracy=[], losses=[], seconds=1.0)
    return EvaluationRow(
        dataset=dataset,
        arm=arm,
        architecture=architecture,
        trials=[trial, trial],
        mean=mean,
        std=std,
        ci95=None,
        epochs=20,
        steps=20,
        forwards=forwards,
        images_seen=2000,
        flops=1,
        seconds=2.0,
        recipe={"name": "glad", "views": "sampled:2", "reduction": "sum"},
        rule="last epoch",
    )


def summary(arm: ArmName, mean: float, std: float, dataset: str = SET) -> EvaluationSummary:
    architectures = [Architecture.CONVNET_D3, Architecture.VGG11]
    return EvaluationSummary(dataset=dataset, arm=arm, k=2, architectures=architectures, cae_mean=mean, cae_std=std)


EVALUATION = Evaluation(
    source_dataset=SET,
    test_images=10_000,
    rows=[
        row(ArmName.LADD, Architecture.CONVNET_D3, 71.25, 0.5, 6000),
        row(ArmName.BASELINE, Architecture.CONVNET_D3, 70.0, 0.25, 2000),
        row(ArmName.LADD, Architecture.VGG11, 60.0, 1.0, 6000),
        row(ArmName.BASELINE, Architecture.VGG11, 61.5, 0.75, 2000),
    ],
    summary=[summary(ArmName.BASELINE, 65.75, 0.5), summary(ArmName.LADD, 65.625, 0.75)],
)
COUNT = StorageCount(plain_bytes=40_000, augmented_bytes=41_000, overhead=0.025)
STORAGE = Storage(paper=COUNT, raw=COUNT, stored=COUNT, encoding="float32")
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
    rows = [row for row in EVALUATION.rows if row.arm is ArmName.BASELINE]
    lines = evaluation_table(EVALUATION.model_copy(update={"rows": rows, "summary": []})).splitlines()
    assert lines[0].split() == ["architecture", "baseline", "forwards", "baseline"]
    assert lines[2].split() == ["ConvNetD3", "70.00", "±", "0.25", "2,000"]


def test_an_arm_missing_for_one_architecture_leaves_a_dash() -> None:
    lines = evaluation_table(EVALUATION.model_copy(update={"rows": EVALUATION.rows[:3]})).splitlines()
    assert lines[3].split() == ["VGG11", "-", "60.00", "±", "1.00", "-", "-", "6,000"]


def test_several_sets_get_a_table_each() -> None:
    extra = row(ArmName.BASELINE, Architecture.CONVNET_D3, 50.0, 0.0, 2000, OTHER_SET)
    text = evaluation_table(EVALUATION.model_copy(update={"rows": [*EVALUATION.rows, extra]}))
    first, second = text.split(OTHER_SET)
    assert first.startswith(SET)
    assert "70.00 ± 0.25" in first
    assert "50.00 ± 0.00" in second
    assert "70.00" not in second


def test_storage_counts_three_ways() -> None:
    lines = storage_lines(STORAGE)
    assert len(lines) == 3
    assert "40,000 -> 41,000 bytes (+2.50%)" in lines[0]
    assert "paper" in lines[0]


def test_flops_in_petaflop_and_nothing_for_what_was_not_counted() -> None:
    assert flops_lines(FLOPS) == [
        "FLOPs, labelling: 0.00215 PFLOP",
        "FLOPs, deployment (all arms and trials): 51 PFLOP",
    ]


def test_absent_parts_leave_no_gap() -> None:
    assert measured_text(None, None, None) == ""
    assert measured_text(None, STORAGE, None) == "\n".join(storage_lines(STORAGE))


def test_a_report_ends_with_where_it_ran_and_its_notes() -> None:
    report = Report(
        job="job_" + "0" * 26,
        kind="ladd",
        params={},
        evaluation=EVALUATION,
        storage=STORAGE,
        flops=FLOPS,
        versions={"torch": "2.13.0", "numpy": "2.3"},
        hardware="2 CPU cores",
        notes=["JPEG copy"],
    )
    assert report_text(report).splitlines()[-2:] == ["2 CPU cores; torch 2.13.0, numpy 2.3", "note: JPEG copy"]
