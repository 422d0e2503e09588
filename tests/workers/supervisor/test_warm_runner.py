"""One process for many trainings of a tenant, and none for what must be kept apart."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from api_schemas.runner import DoneEvent, TaskType
from service.core.lifecycle.tasks import ClaimedTask
from tests.workers.supervisor.supervised import SCRIPTED
from tests.workers.supervisor.test_runner_process import is_running, wait_until_gone
from workers.supervisor import warm_runner
from workers.supervisor.runner_process import RunnerProcess
from workers.supervisor.warm_runner import WarmRunner, stays

ENVIRONMENT = dict(os.environ)

Work = Callable[..., int]


def claimed(tenant: str = "one", type: TaskType = TaskType.EVALUATE) -> ClaimedTask:
    return ClaimedTask(
        job_id="job",
        name="evaluate:baseline:ConvNetD3:0",
        stage="evaluate",
        tenant=tenant,
        attempt=1,
        worker="tests",
        device="cpu",
        queue="gpu",
        type=type,
        params={},
        inputs={},
        documents={},
        checkpoint={},
        timeout_seconds=60,
        stall_seconds=60,
    )


def warm_runner_of(script: str) -> WarmRunner:
    return WarmRunner((sys.executable, SCRIPTED, script))


@pytest.fixture
def warm() -> Iterator[WarmRunner]:
    with warm_runner_of("go_on") as opened:
        yield opened


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Do a task; returns the process that has done it."""
    folders = iter(range(1000))

    def do(
        warm: WarmRunner,
        task: ClaimedTask | None = None,
        environment: Mapping[str, str] = ENVIRONMENT,
        during: Callable[[RunnerProcess], None] = lambda runner: None,
    ) -> int:
        folder = tmp_path / f"task {next(folders)}"
        folder.mkdir()
        with warm.working(task or claimed(), folder, environment) as runner:
            done = next(runner.events())
            assert isinstance(done, DoneEvent)
            assert done.result["folder"] == str(folder)
            during(runner)
        process: int = done.result["process"]
        return process

    return do


def test_trainings_of_a_tenant_share_a_process(warm: WarmRunner, work: Work) -> None:
    assert work(warm) == work(warm) == work(warm)


def test_leaving_the_slot_ends_it(work: Work) -> None:
    with warm_runner_of("go_on") as warm:
        process = work(warm)
        assert is_running(process)
    assert not is_running(process)


@pytest.mark.parametrize(
    ("other", "environment"),
    [
        (claimed(tenant="another"), ENVIRONMENT),
        (claimed(type=TaskType.GENERATE_LABELS), ENVIRONMENT),
        (claimed(), ENVIRONMENT | {"CUDA_VISIBLE_DEVICES": "1"}),
    ],
    ids=["another tenant", "another type of task", "another GPU"],
)
def test_what_must_be_apart_is_done_by_another(
    warm: WarmRunner, work: Work, other: ClaimedTask, environment: Mapping[str, str]
) -> None:
    first = work(warm)
    second = work(warm, other, environment)
    assert not is_running(first)
    assert work(warm) not in (first, second)


@pytest.mark.parametrize("type", list(TaskType))
def test_only_what_comes_in_crowds_and_reads_no_upload_stays(warm: WarmRunner, work: Work, type: TaskType) -> None:
    process = work(warm, claimed(type=type))
    assert is_running(process) == stays(claimed(type=type)) == (type is TaskType.EVALUATE)


def test_one_that_was_told_to_end_is_not_given_another_task(warm: WarmRunner, work: Work) -> None:
    for stop in (RunnerProcess.terminate, RunnerProcess.preempt):
        process = work(warm, during=stop)
        assert not is_running(process)
        assert work(warm) != process


def test_an_error_on_our_side_ends_it(warm: WarmRunner, work: Work) -> None:
    process = work(warm)

    def fail(runner: RunnerProcess) -> None:
        raise RuntimeError("on our side")

    with pytest.raises(RuntimeError, match="on our side"):
        work(warm, during=fail)
    assert not is_running(process)


def test_one_that_was_killed_while_it_waited_costs_the_next_task_nothing(warm: WarmRunner, work: Work) -> None:
    process = work(warm)
    os.kill(process, signal.SIGKILL)
    wait_until_gone(process)
    assert work(warm) != process


def test_one_that_does_not_stay_costs_the_next_task_nothing(work: Work) -> None:
    with warm_runner_of("end_after_one") as warm:
        assert work(warm) != work(warm)


def test_one_that_hangs_between_two_tasks_is_ended(
    warm: WarmRunner, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.supervisor.runner_process.EXIT_SECONDS", 0.5)
    with warm_runner_of("hang_after_one") as hanging:
        process = work(hanging)
        assert work(hanging) != process
        assert not is_running(process)


def test_after_so_many_tasks_a_process_is_replaced(
    warm: WarmRunner, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_runner, "MOST_TASKS", 2)
    first, second, third = (work(warm) for _ in range(3))
    assert first == second != third
    assert not is_running(first)


def test_a_death_is_told_with_the_words_of_its_own_task(work: Work, tmp_path: Path) -> None:
    with warm_runner_of("go_on_and_die") as warm:
        work(warm)
        (folder := tmp_path / "the second").mkdir()
        with warm.working(claimed(), folder, ENVIRONMENT) as runner:
            assert list(runner.events()) == []
            summary = runner.failure_summary()
        assert summary.splitlines() == [
            "the runner ended without a result (exit status 3)",
            "last words in the second",
        ]
