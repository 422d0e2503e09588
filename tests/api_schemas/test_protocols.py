"""A protocol fills in what a request leaves open, and nothing else."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from api_schemas.jobs import EvaluateParams, JobRequest, LaddParams, SweepParams
from api_schemas.recipes import RecipeOverrides
from method.protocols import PROTOCOLS

SET = "ds_" + "0" * 26
LABELER = "lb_" + "0" * 26


@pytest.mark.parametrize("params", [LaddParams, SweepParams])
def test_what_is_sent_comes_before_the_protocol(params: Any) -> None:
    sent = {"dataset": SET, "protocol": "quick", "labeler": {"lr": 0.1}, "evaluation": {"overrides": {"epochs": 7}}}
    found = params.model_validate(sent)
    assert (found.labeler.lr, found.labeler.epochs, found.labeler.momentum) == (0.1, 3, 0.9)
    overrides = found.evaluation.overrides
    assert (overrides.epochs, overrides.views, overrides.reduction) == (7, "sampled:2", "mean")
    assert found.evaluation.trials == 3
    # As a client sends it on, nothing changes.
    assert params.model_validate(found.model_dump(mode="json", exclude_unset=True)) == found


@pytest.mark.parametrize("weight", [{"view_weight": 3}, {"reduction": "sum"}, {"reduction": "mean"}])
def test_a_weight_of_the_views_is_replaced_under_either_name(weight: dict[str, Any]) -> None:
    sent = {"dataset": SET, "protocol": "quick", "overrides": weight}
    found = EvaluateParams.model_validate(sent).overrides.model_dump(include={"view_weight", "reduction"})
    assert {name: value for name, value in found.items() if value is not None} == weight


def test_a_weight_has_one_name_at_a_time() -> None:
    with pytest.raises(ValidationError, match="only one of both may be given"):
        RecipeOverrides(view_weight=1, reduction="mean")


def test_an_evaluation_has_the_fields_at_its_top() -> None:
    found = EvaluateParams.model_validate({"dataset": SET, "protocol": "quick", "trials": 3})
    assert (found.trials, found.overrides.epochs) == (3, 24)


@pytest.mark.parametrize("labeler", [LABELER, {"ensemble": [LABELER, "lb_" + "1" * 26]}])
def test_a_labeler_that_is_named_has_its_recipe(labeler: Any) -> None:
    found = LaddParams.model_validate({"dataset": SET, "protocol": "quick", "labeler": labeler})
    assert found.model_dump(mode="json")["labeler"] == labeler


def test_no_evaluation_stays_none() -> None:
    assert LaddParams.model_validate({"dataset": SET, "protocol": "quick", "evaluation": None}).evaluation is None


def test_the_papers_protocol_is_what_the_defaults_are() -> None:
    assert LaddParams.model_validate({"dataset": SET}) == LaddParams.model_validate(
        {"dataset": SET, "protocol": "paper"}
    )
    assert LaddParams(dataset=SET).model_fields_set == {"dataset"}


@pytest.mark.parametrize("name", ["fast", 3, None, ["quick"]])
def test_another_name_is_refused(name: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(JobRequest).validate_python({"kind": "ladd", "params": {"dataset": SET, "protocol": name}})
    assert [error["loc"][-1] for error in caught.value.errors()] == ["protocol"]


def test_every_protocol_fits_the_models() -> None:
    for name in PROTOCOLS:
        LaddParams.model_validate({"dataset": SET, "protocol": name})
        SweepParams.model_validate({"dataset": SET, "protocol": name})
        EvaluateParams.model_validate({"dataset": SET, "protocol": name})
