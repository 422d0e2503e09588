"""Progressive views: which trials may be confirmed, and after which."""

from typing import Any

import pytest

from service.core.foundation.errors import ServiceError
from service.core.queue.plan import Ref
from tests.service.core.kinds.test_trials import THREE, named, planned


def test_other_arms_decide_nothing_under_progressive_views(shelf: Any) -> None:
    plan = planned(
        shelf.core,
        dataset=shelf.augmented,
        arms=["baseline", "sub_soft", "ladd"],
        architectures=["ViT"],
        trials=2,
        overrides={"views": "progressive", "epochs": 3},
    )
    tasks = named(plan)
    assert tasks["evaluate:sub_soft:ViT:0"].params["overrides"] == THREE
    assert tasks["evaluate:sub_soft:ViT:0"].work == 3 * 20 * 25 + 100
    assert not [name for name in tasks["confirm:ladd:ViT:0"].after if "sub_soft" in name]


def test_progressive_views_confirm_after_the_trials_of_their_architecture(shelf: Any) -> None:
    views = {"views": "progressive", "epochs": 3}
    plan = planned(shelf.core, dataset=shelf.augmented, architectures=["AlexNet", "ViT"], trials=2, overrides=views)
    tasks = named(plan)
    assert plan.params["overrides"] == views | {"precision": "published", "seed_rule": 2}
    assert list(tasks) == [
        *(
            f"evaluate:{arm}:{architecture}:{trial}"
            for architecture in ("AlexNet", "ViT")
            for trial in range(2)
            for arm in ("baseline", "ladd")
        ),
        *(f"confirm:ladd:{architecture}:{trial}" for architecture in ("AlexNet", "ViT") for trial in range(2)),
        "report",
    ]
    assert tasks["evaluate:baseline:ViT:0"].params["overrides"] == THREE
    assert tasks["evaluate:ladd:ViT:0"].params["overrides"] == THREE | {"views": "sampled:1"}
    confirmation = tasks["confirm:ladd:ViT:1"]
    assert confirmation.after == [
        "evaluate:baseline:ViT:0",
        "evaluate:ladd:ViT:0",
        "evaluate:baseline:ViT:1",
        "evaluate:ladd:ViT:1",
    ]
    cheap = tasks["evaluate:ladd:ViT:1"]
    assert confirmation.inputs == {**cheap.inputs, "results": Ref("after")}
    assert confirmation.params == {
        **cheap.params,
        "overrides": THREE | {"views": "full"},
        "confirms": True,
    }
    assert confirmation.work == 3 * 20 * 26 + 100
    assert confirmation.stage == "confirm"
    assert tasks["report"].after == list(tasks)[:-1]


def test_each_set_confirms_by_its_own_trials(shelf: Any) -> None:
    other = shelf.hand.work(shelf.hand.submit("generate_labels", dataset=shelf.distilled, labeler=shelf.labeler).id)
    sets = [shelf.augmented, other.result.dataset]
    plan = planned(
        shelf.core, datasets=sets, architectures=["ViT"], trials=2, overrides={"views": "progressive", "epochs": 3}
    )
    for dataset in sets:
        after = named(plan)[f"confirm:{dataset}:ladd:ViT:0"].after
        assert sorted(after) == [f"evaluate:{dataset}:{arm}:ViT:{n}" for arm in ("baseline", "ladd") for n in range(2)]


@pytest.mark.parametrize(
    ("spec", "field", "rule", "value"),
    [
        ({"arms": ["ladd"]}, "arms", "progressive_compares_arms", "ladd"),
        ({"trials": 1}, "trials", "progressive_needs_trials", "1"),
    ],
)
def test_progressive_views_need_both_arms_and_trials(
    shelf: Any, spec: dict[str, Any], field: str, rule: str, value: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        planned(shelf.core, dataset=shelf.augmented, overrides={"views": "progressive"}, **spec)
    (reason,) = caught.value.reasons
    assert (reason.location, reason.rule, reason.value) == (f"body.params.{field}", rule, value)
