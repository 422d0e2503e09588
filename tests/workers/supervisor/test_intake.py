"""A worker takes nothing while its storage is away, nor at once again after it could not start a task."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from api_schemas.problems import ErrorCode
from service.core.foundation.errors import ServiceError
from service.core.foundation.settings import Settings
from service.core.objects.storage import Storage
from tests.faulty_s3 import FaultyS3
from workers.supervisor.intake import Intake, pause_after


@pytest.fixture
def reaching(settings: Settings, faulty: FaultyS3) -> Iterator[Intake]:
    with closing(Storage(settings.model_copy(update={"s3_endpoint_url": faulty.url}))) as storage:
        yield Intake(storage)


@pytest.fixture
def leaving() -> threading.Event:
    """A stop that has come: whoever would have to wait is told so at once."""
    stop = threading.Event()
    stop.set()
    return stop


def is_open(reaching: Intake) -> bool:
    return reaching.trouble is None


def test_pauses_grow_to_a_minute() -> None:
    assert [pause_after(failures) for failures in (1, 2, 3, 6, 7, 10_000)] == [1, 2, 4, 32, 60, 60]


def test_nothing_is_taken_before_the_storage_has_answered(reaching: Intake) -> None:
    assert not is_open(reaching)
    reaching.ask()
    assert is_open(reaching)
    reaching.wait(threading.Event())


def test_a_clock_that_is_off_closes_the_intake_and_is_named(reaching: Intake, faulty: FaultyS3) -> None:
    reaching.ask()
    faulty.refuses = lambda *_: (403, "RequestTimeTooSkewed")
    reaching.ask()
    assert not is_open(reaching)
    assert "the clock of this machine is wrong" in str(reaching.trouble)
    faulty.refuses = lambda *_: None
    reaching.ask()
    assert is_open(reaching)
    assert reaching.trouble is None


def test_each_failure_in_a_row_closes_it_for_longer(reaching: Intake, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        reaching.ask()
        # The storage answers, and yet this task cannot be started.
        reaching.failed(ServiceError(ErrorCode.UNAVAILABLE, "refused"))
        assert not is_open(reaching)
        assert reaching.trouble == "refused"
    reaching.succeeded()
    reaching.failed(ValueError("broken"))
    pauses = [message.partition(":")[0] for message in caplog.messages if "no task is taken" in message]
    assert pauses == [f"no task is taken for {seconds} s" for seconds in (1, 2, 4, 1)]
    assert reaching.trouble == "ValueError: broken"


def test_a_worker_that_stops_waits_no_longer(reaching: Intake, leaving: threading.Event) -> None:
    reaching.wait(leaving)
    assert not is_open(reaching)
