"""Reasons name the field by its path in what was sent."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from api_schemas.datasets import DatasetMetadata
from api_schemas.jobs import JobRequest
from api_schemas.problems import Reason
from service.http.validation import MAX_REASONS, invalid, reasons_of

DATASET = "ds_" + "0" * 26


def reasons(sent: Any) -> list[Reason]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(JobRequest).validate_python(sent)
    return reasons_of(caught.value.errors(), sent, at=("body",))


def ladd(**params: Any) -> dict[str, Any]:
    return {"kind": "ladd", "params": {"dataset": DATASET, **params}}


def test_reason_names_field_rule_and_value() -> None:
    (reason,) = reasons(ladd(views={"n": 5, "ratio": 1.5}))
    assert reason.location == "body.params.views.ratio"
    assert reason.rule == "less_than_equal"
    assert reason.value == "1.5"
    assert "less than or equal to 1" in reason.message


def test_unknown_field_is_named() -> None:
    (reason,) = reasons(ladd(veiws={"n": 5}))
    assert (reason.location, reason.rule, reason.value) == ("body.params.veiws", "extra_forbidden", '{"n": 5}')
    assert reason.message.endswith("; did you mean views?")


def test_unknown_field_is_likened_to_those_of_its_own_place() -> None:
    (reason,) = reasons(ladd(evaluation={"trails": 3}))
    assert (reason.location, reason.rule) == ("body.params.evaluation.trails", "extra_forbidden")
    assert reason.message.endswith("; did you mean trials?")
    # Like no field of that place.
    (reason,) = reasons(ladd(evaluation={"archive_format": "npz"}))
    assert "did you mean" not in reason.message


def test_missing_field_is_named_without_a_value() -> None:
    (reason,) = reasons({"kind": "train_labeler", "params": {}})
    assert (reason.location, reason.rule, reason.value) == ("body.params.source_dataset", "missing", None)


def test_a_kind_that_is_none_is_named_with_those_that_are() -> None:
    (reason,) = reasons({"kind": "lad", "params": {}})
    assert (reason.location, reason.rule, reason.value) == ("body.kind", "union_tag_invalid", "lad")
    assert reason.message.endswith(
        "expected tags: 'train_labeler', 'generate_labels', 'evaluate', 'ladd', 'sweep', 'export', 'compare'"
    )
    (reason,) = reasons({"params": {}})
    assert (reason.location, reason.rule, reason.value) == ("body.kind", "union_tag_not_found", None)


def test_branches_of_unions_are_not_part_of_the_path() -> None:
    assert {reason.location for reason in reasons(ladd(epoch=0))} == {"body.params.epoch"}
    assert {reason.location for reason in reasons(ladd(labeler={"epochs": 0}))} == {"body.params.labeler.epochs"}


def test_positions_in_lists() -> None:
    (reason,) = reasons(ladd(evaluation={"architectures": ["ConvNetD3", "Transformer"]}))
    assert reason.location == "body.params.evaluation.architectures.1"
    assert reason.value == "Transformer"


def test_long_values_are_shortened_and_many_reasons_cut() -> None:
    (reason,) = reasons(ladd(views="x" * 10_000))
    assert len(reason.value or "") == 200
    assert len(reasons(ladd(evaluation={"arms": ["x"] * 10, "unknown": 1} | {f"f{i}": 1 for i in range(100)}))) == (
        MAX_REASONS
    )


def test_summary_counts() -> None:
    broken = reasons({"kind": "ladd", "params": {"dataset": "nonsense", "views": {"n": 0}}})
    assert invalid(broken).message == f"body.params.dataset: {broken[0].message} (and 1 more)."


def metadata(**sent: Any) -> list[Reason]:
    whole = {"name": "set", "role": "distilled", **sent}
    with pytest.raises(ValidationError) as caught:
        DatasetMetadata.model_validate(whole)
    return reasons_of(caught.value.errors(), whole, at=("metadata",))


def test_a_field_of_several_forms_is_one_reason() -> None:
    (reason,) = metadata(class_map=5)
    assert (reason.location, reason.rule, reason.value) == ("metadata.class_map", "literal_error", "5")
    assert reason.message == "Input should be 'auto' or a valid string or a valid list or a valid dictionary"
    (reason,) = metadata(normalization=7)
    assert "instance" not in reason.message


@pytest.mark.parametrize(
    ("field", "value", "meant"),
    [
        ("class_map", "imagenete", "imagenette"),
        ("normalization", "cifar-10", "cifar10"),
        ("soft_labels", "logit", "logits"),
        ("role", "Distiled", "distilled"),
        ("format", "safetensor", "safetensors"),
    ],
)
def test_a_misspelt_name_gets_the_one_that_was_meant(field: str, value: str, meant: str) -> None:
    (reason,) = metadata(**{field: value})
    assert (reason.location, reason.rule in ("enum", "literal_error")) == (f"metadata.{field}", True)
    assert f"did you mean {meant}" in reason.message


@pytest.mark.parametrize(
    ("sent", "rules"),
    [
        ({"normalization": {"mean": [0.5], "std": [0]}}, [("metadata.normalization", "value_error")]),
        ({"normalization": {"mean": [0.5]}}, [("metadata.normalization.std", "missing")]),
        ({"class_map": []}, [("metadata.class_map", "too_short")]),
        (
            {"class_map": ["a", 2, 3]},
            [("metadata.class_map.1", "string_type"), ("metadata.class_map.2", "string_type")],
        ),
    ],
    ids=["statistics", "half of them", "an empty list", "a list of numbers"],
)
def test_of_the_form_that_was_sent_only_its_own_faults_are_told(
    sent: dict[str, Any], rules: list[tuple[str, str]]
) -> None:
    found = metadata(**sent)
    assert [(reason.location, reason.rule) for reason in found] == rules
    assert not any("Value error" in reason.message for reason in found)
