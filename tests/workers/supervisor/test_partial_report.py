"""The report of a job that runs, was canceled or has failed, made by the real runner."""

from pathlib import Path
from typing import Any

import pytest

from api_schemas.evaluation import Report
from api_schemas.jobs import JobState
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.queue import workers
from service.core.queue.workers import Sign
from service.core.resources import jobs
from tests.service.core.hand import Hand
from tests.workers.supervisor.supervised import SLOT
from workers.supervisor.input_cache import InputCache
from workers.supervisor.partial_report import make_partial_report

pytestmark = pytest.mark.slow


@pytest.fixture
def hand(core: Core, tmp_path: Path) -> Hand:
    folder = tmp_path / "made"
    folder.mkdir()
    workers.beat(core.redis, "tests", Sign({"io": 1}))
    return Hand(core, folder)


@pytest.fixture
def evaluation(hand: Hand) -> str:
    """Id of an evaluation of two arms and two architectures of three trials each."""
    # As many test images as the made-up trials have answers.
    source = hand.ready_set("source", hand.made_up_stats("source", splits={"train": 1000, "val": 32}))
    dataset = hand.ready_set(source_dataset=source)
    few: dict[str, Any] = {"arms": ["baseline", "baseline_noaug"], "architectures": ["ConvNetD3", "ViT"], "trials": 3}
    return hand.submit("evaluate", dataset=dataset, **few).id


def trials(hand: Hand, job_id: str, arm: str, architecture: str, numbers: range = range(3)) -> None:
    for number in numbers:
        hand.finish(hand.claim(job_id, f"evaluate:{arm}:{architecture}:{number}"))


def made(core: Core, cache: InputCache, job_id: str) -> Report:
    _, results = jobs.results(core, job_id)
    make_partial_report(core, job_id, "tests", SLOT, cache)
    report = jobs.partial_report(core, job_id, results)
    assert report is not None
    assert not list(core.settings.data_dir.glob("scratch/*"))
    return report


def test_of_a_running_and_of_a_canceled_job(core: Core, hand: Hand, cache: InputCache, evaluation: str) -> None:
    trials(hand, evaluation, "baseline", "ConvNetD3")
    trials(hand, evaluation, "baseline_noaug", "ConvNetD3")
    trials(hand, evaluation, "baseline", "ViT", range(1))
    running = made(core, cache, evaluation)
    assert (running.complete, running.job_state, running.figures) == (False, JobState.RUNNING, [])
    ended = {(row.arm, row.architecture): (row.ended, row.planned) for row in running.trials}
    assert ended == {
        ("baseline", "ConvNetD3"): (3, 3),
        ("baseline_noaug", "ConvNetD3"): (3, 3),
        ("baseline", "ViT"): (1, 3),
        ("baseline_noaug", "ViT"): (0, 3),
    }
    assert running.evaluation is not None
    intervals = {(row.arm, row.architecture): row.ci95 for row in running.evaluation.rows}
    assert intervals["baseline", "ConvNetD3"] is not None
    assert intervals["baseline", "ViT"] is None, "of fewer than three trials there is none"
    # One architecture of each arm is there: what is compared is that one, and no mean over both.
    [compared] = running.evaluation.comparisons
    assert (compared.architecture, compared.verdict) == ("ConvNetD3", "no evidence")
    assert [each.arm for each in running.evaluation.summary] == ["baseline"]

    hand.core.store.cancel(evaluation)
    canceled = jobs.partial_report(core, evaluation, 7)
    assert canceled is not None
    assert canceled.job_state == JobState.CANCELED
    assert canceled.evaluation == running.evaluation


def test_of_a_job_that_failed_with_some_trials_done(core: Core, hand: Hand, cache: InputCache, evaluation: str) -> None:
    trials(hand, evaluation, "baseline", "ConvNetD3", range(1))
    hand.fail(hand.claim(evaluation, "evaluate:baseline:ViT:0"))
    failed = made(core, cache, evaluation)
    assert (failed.complete, failed.job_state) == (False, JobState.FAILED)
    assert failed.evaluation is not None
    assert [len(row.trials) for row in failed.evaluation.rows] == [1]


def test_of_a_job_that_has_found_nothing(core: Core, cache: InputCache, evaluation: str) -> None:
    nothing = made(core, cache, evaluation)
    assert (nothing.evaluation, nothing.job_state) == (None, JobState.QUEUED)


def test_one_worker_makes_it(core: Core, cache: InputCache, evaluation: str) -> None:
    with core.redis.lock(redis_keys.partial_report(evaluation), timeout=60):
        make_partial_report(core, evaluation, "tests", SLOT, cache)
    assert jobs.partial_report(core, evaluation, 0) is None
