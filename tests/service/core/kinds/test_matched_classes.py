"""Jobs on sets whose labels mean other classes are refused with the names; what has one meaning goes together."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobKind, JobRequest
from api_schemas.problems import Reason
from method.class_maps import wnids
from method.class_names import imagenet_name
from service.core.foundation.errors import ServiceError
from service.core.kinds import KINDS
from service.core.queue.plan import Plan

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)
WNIDS = wnids("imagenette")
ENGLISH = [imagenet_name(wnid) for wnid in WNIDS]


def counts(names: list[str], **images: int) -> list[dict[str, Any]]:
    return [{"label": label, "name": name, "images": images} for label, name in enumerate(names)]


def planned(shelf: Any, names: list[str], of_source: list[str]) -> Plan:
    stats = shelf.hand.made_up_stats("source", class_counts=counts(of_source, train=100, val=10))
    source = shelf.hand.ready_set("source", stats)
    stats = shelf.hand.made_up_stats(class_counts=counts(names, all=2))
    dataset = shelf.hand.ready_set(stats=stats, source_dataset=source)
    evaluation = {"dataset": dataset, "arms": ["baseline"]}
    return KINDS[JobKind.EVALUATE].plan(
        shelf.core, REQUEST.validate_python({"kind": "evaluate", "params": evaluation}).params
    )


def refusal(shelf: Any, names: list[str], of_source: list[str]) -> Reason:
    with pytest.raises(ServiceError) as caught:
        planned(shelf, names, of_source)
    [reason] = caught.value.reasons
    assert (reason.location, reason.rule) == ("body.params.dataset", "same_class_order")
    return reason


@pytest.mark.parametrize(
    "names",
    [WNIDS, ENGLISH, [name.upper().replace(" ", "_") for name in ENGLISH], [str(label) for label in range(10)]],
    ids=["same", "English", "spelling", "numbers"],
)
def test_names_of_one_meaning_go_together(shelf: Any, names: list[str]) -> None:
    assert planned(shelf, names, WNIDS).tasks


def test_the_same_classes_in_another_order_are_refused(shelf: Any) -> None:
    reason = refusal(shelf, sorted(ENGLISH), WNIDS)
    assert "the same classes are in different orders: label 0 is English springer and n01440764" in reason.message


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([*WNIDS[:9], "zz"], "zz on one side, n03888257 on the other have no counterpart"),
        ([f"new{number:03d}" for number in range(1, 11)], "new001, new002, new003, new004, new005 and 5 more"),
    ],
    ids=["one class of its own", "numbers from 1 on"],
)
def test_classes_without_a_counterpart_are_named(shelf: Any, names: list[str], shown: str) -> None:
    reason = refusal(shelf, names, WNIDS)
    assert shown in reason.message
    assert "class_map" in reason.message
    assert "name another source set" in reason.message
