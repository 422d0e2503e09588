"""The sets and labelers of a report reach its runner with their names, warnings and matched classes."""

from typing import Any

from tests.service.core.hand import Hand

TEN = [f"n{number:08d}" for number in range(10)]
EVALUATION: dict[str, Any] = {"architectures": ["ConvNetD3"], "trials": 1, "overrides": {"epochs": 2}}


def counts(names: list[str], **images: list[int]) -> list[dict[str, Any]]:
    return [
        {"label": label, "name": name, "images": {split: of[label] for split, of in images.items()}}
        for label, name in enumerate(names)
    ]


def test_a_report_gets_its_source_set_its_sets_and_its_labelers(hand: Hand) -> None:
    skewed = counts(TEN, train=[100] * 10, val=[91, *[1] * 9])
    of_source = hand.made_up_stats("source", class_counts=skewed, warnings=["there is no val split"])
    source = hand.ready_set("source", of_source, name="real")
    spelled = counts([name.upper() for name in TEN], all=[2] * 10)
    stats = hand.made_up_stats(class_counts=spelled, warnings=["values exceed"])
    dataset = hand.ready_set(stats=stats, source_dataset=source, name="synthetic")
    job = hand.submit("ladd", dataset=dataset, evaluation=EVALUATION)
    hand.work(job.id, until="report")
    claimed = hand.claim(job.id, "report")
    known = {each["name"]: each for each in claimed.params["inputs"]}
    assert list(known) == ["real", "synthetic", "synthetic (label-augmented)", "ConvNetD3, 10 epochs"]
    real, synthetic, augmented, labeler = known.values()
    assert (real["id"], real["role"], real["warnings"]) == (source, "source", ["there is no val split"])
    assert (real["largest_class"], real["largest_share"], real["class_names"]) == (TEN[0], 91.0, TEN)
    assert (synthetic["role"], synthetic["warnings"]) == ("distilled", ["values exceed"])
    assert "N00000001 is n00000001" in synthetic["classes"]
    assert (augmented["made_here"], augmented["warnings"]) == (True, [])
    assert (labeler["role"], labeler["made_here"]) == ("labeler", True)


def test_label_numbers_are_told_to_be_an_assumption(hand: Hand) -> None:
    named = hand.made_up_stats("source", class_counts=counts(TEN, train=[100] * 10, val=[10] * 10))
    source = hand.ready_set("source", named)
    job = hand.submit("evaluate", datasets=[hand.ready_set(source_dataset=source)], arms=["baseline"], **EVALUATION)
    hand.work(job.id, until="report")
    _, dataset = hand.claim(job.id, "report").params["inputs"]
    assert "label numbers" in dataset["classes"]
