"""What a set carries, and what its real images and the labeler are normalised with, are two things."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobKind, JobRequest
from method.normalizations import NORMALIZATIONS
from service.core.foundation.errors import ServiceError
from service.core.kinds import KINDS
from service.core.queue.plan import Plan

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)
IMAGENET, GLAD = (
    {"mean": list(NORMALIZATIONS[name].mean), "std": list(NORMALIZATIONS[name].std)} for name in ("imagenet", "glad_wp")
)
ONE = {"architectures": ["ConvNetD3"], "trials": 1}


def planned(shelf: Any, kind: str, **params: Any) -> Plan:
    return KINDS[JobKind(kind)].plan(shelf.core, REQUEST.validate_python({"kind": kind, "params": params}).params)


def ready(shelf: Any, role: str, normalization: str, applied: bool, **metadata: Any) -> Any:
    told = NORMALIZATIONS[normalization]
    carried = {"mean": list(told.mean), "std": list(told.std), "applied": applied, "reason": "made up"}
    stats = shelf.hand.made_up_stats(role, normalization={"name": normalization, **carried})
    return shelf.hand.ready_set(role, stats=stats, **metadata)


@pytest.fixture(scope="module")
def source(shelf: Any) -> Any:
    """A source set with the statistics that its publications use."""
    return ready(shelf, "source", "imagenet", False)


@pytest.fixture(scope="module")
def glad(shelf: Any, source: Any) -> Any:
    """A set as GLaD decodes it."""
    return ready(shelf, "distilled", "glad_wp", True, source_dataset=source)


@pytest.fixture(scope="module")
def mtt(shelf: Any, source: Any) -> Any:
    """A set as MTT saves it."""
    return ready(shelf, "distilled", "imagenet", True, source_dataset=source)


def ladd(shelf: Any, dataset: Any, **evaluation: Any) -> Plan:
    return planned(shelf, "ladd", dataset=dataset, evaluation=ONE | evaluation)


def statistics(plan: Plan) -> list[dict[str, Any]]:
    """Return those of each task but the report, with the rule where the task has one."""
    return [
        {name: task.params[name] for name in ("mean", "std", "test_normalization") if name in task.params}
        for task in plan.tasks
        if task.stage != "report"
    ]


def test_a_job_takes_what_the_set_carries_or_what_is_published(shelf: Any, glad: Any) -> None:
    """Labeler, labels and trials alike; tasks without a rule are those from before there was one."""
    assert statistics(ladd(shelf, glad)) == [GLAD] * 4
    published = IMAGENET | {"test_normalization": "as_published"}
    training, *others = statistics(ladd(shelf, glad, test_normalization="as_published"))
    assert training == IMAGENET
    assert others == [published] * 3


def test_all_methods_of_a_source_set_have_one_labeler_as_published(
    shelf: Any, source: Any, glad: Any, mtt: Any
) -> None:
    def labeler(dataset: Any, rule: str) -> Any:
        return ladd(shelf, dataset, test_normalization=rule).tasks[0].makes

    assert labeler(glad, "as_published") == labeler(mtt, "as_published")
    assert labeler(glad, "as_published") == planned(shelf, "train_labeler", source_dataset=source).tasks[0].makes
    assert labeler(glad, "carried") != labeler(mtt, "carried")
    # What MTT's set carries is what is published: nothing differs.
    assert labeler(mtt, "carried") == labeler(mtt, "as_published")


def test_a_sweep_and_an_evaluation_have_the_same_choice(shelf: Any, source: Any, glad: Any, mtt: Any) -> None:
    swept = planned(shelf, "sweep", dataset=glad, evaluation=ONE | {"test_normalization": "as_published"})
    assert {tuple(each["mean"]) for each in statistics(swept)} == {NORMALIZATIONS["imagenet"].mean}
    params = {"datasets": [glad, mtt], "arms": ["baseline"], **ONE}
    carried = statistics(planned(shelf, "evaluate", **params))
    assert carried == [GLAD, IMAGENET]
    published = statistics(planned(shelf, "evaluate", **params, test_normalization="as_published"))
    assert published == [IMAGENET | {"test_normalization": "as_published"}] * 2


def test_the_controls_of_a_set_are_normalised_as_it_is(shelf: Any, source: Any, glad: Any) -> None:
    arms = ["baseline", "random", "random_ladd", "baseline_plus"]
    stats = shelf.hand.made_up_stats(num_images=30, splits={"all": 30})
    plus = shelf.hand.ready_set(stats=stats, source_dataset=source)
    plan = ladd(shelf, glad, arms=arms, plus_dataset=plus, test_normalization="as_published")
    found = {tuple(each["mean"]) for each in statistics(plan) if each}
    assert found == {NORMALIZATIONS["imagenet"].mean}


def test_labels_alone_can_be_written_as_published(shelf: Any, source: Any, glad: Any) -> None:
    labeler = shelf.hand.trained_labeler(source)
    for rule, expected in (("carried", GLAD), ("as_published", IMAGENET | {"test_normalization": "as_published"})):
        plan = planned(shelf, "generate_labels", dataset=glad, labeler=labeler, test_normalization=rule)
        assert statistics(plan) == [expected]
        assert plan.params["test_normalization"] == rule
    # A job without an evaluation has no such choice: it stays with what the set carries.
    assert statistics(planned(shelf, "ladd", dataset=glad, evaluation=None)) == [GLAD] * 2


def test_a_labeler_says_in_the_sets_that_it_labels_what_it_saw(shelf: Any, source: Any, glad: Any) -> None:
    labeler = shelf.hand.trained_labeler(source)
    job = shelf.hand.work(shelf.hand.submit("generate_labels", dataset=glad, labeler=labeler).id)
    labelled = shelf.core.catalogue.dataset(job.result.dataset)
    assert [each.model_dump() for each in labelled.augmentation.labeler_normalizations] == [IMAGENET]


@pytest.mark.parametrize("kind", ["ladd", "sweep", "evaluate", "generate_labels"])
def test_measured_statistics_are_none_that_are_published(shelf: Any, kind: str) -> None:
    asked = {"test_normalization": "as_published"}
    of_kind: dict[str, dict[str, Any]] = {
        "ladd": {"evaluation": asked},
        "sweep": {"evaluation": asked},
        "evaluate": {"arms": ["baseline"], **asked},
        "generate_labels": {"labeler": shelf.labeler, **asked},
    }
    params = of_kind[kind]
    normalised = ready(shelf, "distilled", "imagenet", True, source_dataset=shelf.source)
    with pytest.raises(ServiceError) as caught:
        planned(shelf, kind, dataset=normalised, **params)
    [why] = caught.value.reasons
    path = "evaluation." if "evaluation" in params else ""
    assert (why.location, why.rule) == (f"body.params.{path}test_normalization", "source_is_normalised_by_name")
    assert f"upload {shelf.source} again" in why.message
    # Pixels are normalised as the test images are, whatever these are.
    assert planned(shelf, kind, dataset=shelf.distilled, **params)
