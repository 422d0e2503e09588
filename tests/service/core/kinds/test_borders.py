"""One-channel images get the field's border in what is planned from now on; what was planned before has none."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from api_schemas.jobs import JobKind, JobRequest
from service.core.kinds import KINDS, train_labeler
from service.core.queue.plan import TaskPlan
from service.core.resources import labelers

REQUEST: TypeAdapter[Any] = TypeAdapter(JobRequest)


@pytest.fixture
def mnist(shelf: Any) -> dict[str, str]:
    """A distilled set of 28 px and one channel, and its source set."""
    stats = shelf.hand.made_up_stats
    grey = {"name": "measured", "mean": [0.1], "std": [0.3], "applied": False, "reason": "made up"}
    source = shelf.hand.ready_set("source", stats=stats("source", image_shape=[1, 28, 28], normalization=grey))
    distilled = shelf.hand.ready_set(stats=stats(image_shape=[1, 28, 28]), source_dataset=source)
    return {"dataset": distilled, "source_dataset": source}


def tasks(shelf: Any, kind: str, **params: Any) -> dict[str, TaskPlan]:
    plan = KINDS[JobKind(kind)].plan(shelf.core, REQUEST.validate_python({"kind": kind, "params": params}).params)
    return {task.name: task for task in plan.tasks}


def test_every_network_that_has_a_border_is_planned_with_it(shelf: Any, mnist: dict[str, str]) -> None:
    planned = tasks(shelf, "ladd", **mnist, evaluation={"arms": ["baseline"], "trials": 1})
    trials = {name.split(":")[2]: task.params for name, task in planned.items() if name.startswith("evaluate:")}
    assert {name: params.get("border") for name, params in trials.items()} == {
        **dict.fromkeys(("ConvNetD3", "AlexNet", "VGG11"), 2),
        **dict.fromkeys(("ResNet18", "ViT")),
    }
    assert planned["train_labeler"].params["border"] == 2


def test_a_labeler_with_a_border_is_another(shelf: Any, mnist: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def labeler(source: str) -> Any:
        return tasks(shelf, "train_labeler", source_dataset=source)["train_labeler"].makes

    sources = (mnist["source_dataset"], shelf.source)
    now = [labeler(source) for source in sources]
    monkeypatch.setattr(train_labeler, "bordered", lambda shape, architecture: {})
    before = [labeler(source) for source in sources]
    assert (now[0] != before[0], now[1] == before[1]) == (True, True)


def test_a_labeler_says_which_border_it_has(shelf: Any, mnist: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def trained() -> Any:
        return labelers.view(shelf.core, shelf.hand.trained_labeler(mnist["source_dataset"]))

    now = trained()
    monkeypatch.setattr(train_labeler, "bordered", lambda shape, architecture: {})
    before = trained()
    assert (now.border, before.border) == (2, 0)
    # The first map of 28 px has 32 x 32 pixels with it.
    assert now.forward_flops > before.forward_flops
