"""The trainings of `benchmarks/gpu.sh evidence`: their order, the time that they need, their lines and the table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpu_evidence_table import table, write_table
from gpu_plan import LINES, NETWORKS, SEEDS, Line, Training, add_line, plan, read_lines
from gpu_session import Session
from gpu_trainings import Trainings

from tests.benchmarks.real_sets import SETS, TESTED, real_sets
from workers.ladd.evaluation.answers import pack_answers, unpack_answers
from workers.runner.versions import hardware, versions

IMAGES = 40


def line_of(training: Training, right: int = 20, **others: Any) -> Line:
    correct = pack_answers(np.arange(IMAGES) < right)
    about = {"epochs": 1000, "accuracy": 100 * right / IMAGES, "correct": correct, "images": IMAGES, "test": "0f"}
    made = {
        "rows": 50_000,
        "seconds": 30.0,
        "device": "a card",
        "versions": {"torch": "2.11.0"},
        "recipe": {"lr": 0.01},
    }
    return vars(training) | about | made | others


def lines(right: Mapping[str, int]) -> dict[Training, Line]:
    """All of the plan, with so many right answers by label, and some more by the seed."""
    return {each: line_of(each, right[each.label] + each.seed) for each in plan(SETS)}


def test_what_tells_most_is_trained_first() -> None:
    planned = plan(SETS)
    of_a_seed = [(each.set, each.network, each.label) for each in planned if each.seed == 0]
    assert len(set(planned)) == len(planned) == SEEDS * len(of_a_seed)
    assert [each.seed for each in planned] == sorted(each.seed for each in planned)
    assert of_a_seed[:6] == [
        ("dm", "ConvNetD5", "baseline"),
        ("dm", "ConvNetD5", "ladd sampled:5"),
        ("dm_start", "ConvNetD5", "baseline"),
        ("dm_start", "ConvNetD5", "ladd sampled:5"),
        ("dm", "ResNet18", "baseline"),
        ("dm", "ResNet18", "ladd sampled:5"),
    ]
    assert of_a_seed[-len(NETWORKS) :] == [("dm", network, "ladd full") for network in NETWORKS]


def test_the_lines_of_several_runs_add_up(tmp_path: Path) -> None:
    path = tmp_path / "new" / LINES
    first, second, *_ = plan(SETS)
    assert read_lines(path) == {}
    for line in (line_of(first, 1), line_of(second, 2), line_of(first, 3)):
        add_line(path, line)
    assert read_lines(path) == {first: line_of(first, 3), second: line_of(second, 2)}


def test_answers_to_different_images_are_not_put_together(tmp_path: Path) -> None:
    first, second, *_ = plan(SETS)
    add_line(tmp_path / LINES, line_of(first))
    add_line(tmp_path / LINES, line_of(second, test="1f"))
    with pytest.raises(ValueError, match="must be tested on the same images; got 0f, 1f"):
        read_lines(tmp_path / LINES)


def test_a_run_on_other_test_images_is_refused(tmp_path: Path) -> None:
    add_line(tmp_path / f"smoke_{LINES}", line_of(plan(SETS)[0]))
    session = Session("evidence", tmp_path, None, None, smoke=True)
    with pytest.raises(ValueError, match=r"were tested on other images than those of .*test\.tar"):
        Trainings(session, real_sets(tmp_path), lambda network: 1e-9)


def test_the_table_has_every_kind_with_its_difference_and_the_mean_over_networks() -> None:
    rows = [
        [cell.strip() for cell in row.split("|")[1:-1]]
        for row in table(lines({"baseline": 8, "ladd sampled:5": 20, "ladd full": 22})).splitlines()
        if row.startswith("| dm")
    ]
    told = {(name, label, network): rest for name, label, network, *rest in rows}
    assert told["dm", "baseline", "ViT"] == ["5", "25.00 ± 3.54", "30", "", ""]
    for network in (*NETWORKS, "5-CAE"):
        n, accuracy, _, difference, verdict = told["dm", "ladd sampled:5", network]
        assert n == ("" if network == "5-CAE" else "5")
        assert accuracy == "55.00 ± 3.54"
        assert difference.startswith("+30.00 [+")
        assert verdict == "better"
        assert told["dm", "ladd full", network][3].startswith("+35.00 [+")
    assert ("dm_start", "ladd sampled:5", "5-CAE") not in told
    assert told["dm", "ladd sampled:5, minus its start", "ConvNetD5"][3].startswith("+0.00 [-")
    assert told["dm", "ladd sampled:5, minus its start", "ConvNetD5"][4] == "no evidence"


def test_a_table_of_few_lines_says_so_and_lies_beside_them(tmp_path: Path) -> None:
    for training in plan(SETS)[:2]:
        add_line(tmp_path / LINES, line_of(training))
    text = write_table(tmp_path / LINES)
    assert (tmp_path / "gpu_evidence.md").read_text() == text
    assert "2 trainings on a card, torch 2.11.0." in text
    assert f"2 of the {len(plan(['dm']))} planned" in text
    assert "1,000 epochs, tested on 40 images; learning rates: ConvNetD5 0.01." in text
    assert "| dm | ladd sampled:5 | ConvNetD5 | 1 | 50.00 ± 0.00 | 30 | +0.00 | too few trials |" in text


def test_what_does_not_fit_in_the_time_is_not_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def measured(network: str) -> float:
        asked.append(network)
        return 100.0

    session = Session("evidence", tmp_path, 60, None, smoke=True)
    trainings = Trainings(session, real_sets(tmp_path), measured)
    trainings.run()
    trainings.print_table()
    # Two epochs of two images, or of both with five views.
    assert "no time for dm, ConvNetD5, baseline, seed 0: 440 s" in (said := capsys.readouterr().out)
    assert "no time for dm, ConvNetD5, ladd sampled:5, seed 0: 2,640 s" in said
    assert set(asked) == {"ConvNetD5"}
    assert "planned for these sets" not in said


def test_lines_of_this_device_tell_the_time_that_a_training_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = real_sets(tmp_path)
    session = Session("evidence", tmp_path, 60, None, smoke=True)
    probe = Trainings(session, data, lambda network: 1e-9)
    baseline, ladd, *_ = plan(SETS)
    known: dict[str, Any] = {"test": probe.test_digest, "device": hardware(), "rows": 1}
    for line in (line_of(baseline, **known, seconds=300.0), line_of(ladd, **known, seconds=200.0)):
        add_line(tmp_path / f"smoke_{LINES}", line)

    def measured(network: str) -> float:
        raise AssertionError("there are lines of it")

    Trainings(session, data, measured).run()
    said = capsys.readouterr().out
    # Of its own kind; of a kind that was not trained yet by the fastest of the network.
    assert "no time for dm_start, ConvNetD5, baseline, seed 0: 1,320 s" in said
    assert f"no time for dm, ConvNetD5, ladd full, seed 0: {1.1 * 2 * 2 * 26 * 200:,.0f} s" in said


@pytest.mark.slow
def test_a_run_goes_on_with_what_has_no_line(tmp_path: Path) -> None:
    data, path = real_sets(tmp_path), tmp_path / f"smoke_{LINES}"
    session = Session("evidence", tmp_path, None, None, smoke=True)
    missing, *there = plan(SETS, NETWORKS[:1], 1)
    for training in there:
        add_line(path, line_of(training, test=Trainings(session, data, lambda network: 1e-9).test_digest))
    before = path.read_text()
    Trainings(session, data, lambda network: 1e-9).run()
    assert session.failed == []
    assert path.read_text().startswith(before)
    line = read_lines(path)[missing]
    assert len(read_lines(path)) == 1 + len(there)
    assert (line["rows"], line["epochs"], line["images"], line["recipe"]["lr"]) == (4, 2, TESTED, 0.01)
    assert line["accuracy"] == 100 * unpack_answers(line["correct"], TESTED).mean()
    assert (line["device"], line["versions"]["torch"]) == (hardware(), versions()["torch"])


def test_a_training_that_fails_is_named_and_stops_no_other(tmp_path: Path) -> None:
    session = Session("evidence", tmp_path, None, None, smoke=True)

    def measured(network: str) -> float:
        raise RuntimeError("no such kernel")

    Trainings(session, real_sets(tmp_path), measured).run()
    assert len(session.failed) == len(plan(SETS, NETWORKS[:1], 1))
    assert session.failed[0] == "dm, ConvNetD5, baseline, seed 0: RuntimeError: no such kernel"
