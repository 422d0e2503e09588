"""Whether this worker may take tasks: its devices train as they should, and its disk has room.

A task that fails on a machine that is broken says nothing about the task. So a worker tests its devices when it starts
and after a failure, in the same kind of process as the task was, and takes nothing until they pass.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api_schemas.runner import Confinement, DoneEvent, FailedEvent, RunnerTask, TaskType
from service.core.foundation.settings import Settings
from workers.supervisor.disk import lack_of_room
from workers.supervisor.input_cache import InputCache
from workers.supervisor.runner_process import RUNNER_COMMAND, RunnerProcess, runner_environment
from workers.supervisor.scratch import attempt_folder
from workers.supervisor.slots import Slot

logger = logging.getLogger(__name__)

TEST_SECONDS = 300.0
"""How long a test may take: a GPU that is woken up on a busy machine may take a minute before it computes."""

PAUSE_SECONDS = 30.0
"""Between two tests of a device that has failed one."""

LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Place:
    """A device, and the limits of the runners that were tested there."""

    slot: Slot
    confinement: Confinement | None = None

    def __str__(self) -> str:
        """Name it for the operator."""
        return "the CPU" if self.slot.gpu is None else f"GPU {self.slot.gpu}"


class Fitness:
    """The fitness of a worker with these slots; unfit until `keep` has tested its devices. Safe between threads."""

    changed: Callable[[], None] = staticmethod(lambda: None)
    """Called when what is wrong with a device has changed, so that others need not wait for the next sign of life."""

    def __init__(
        self,
        settings: Settings,
        slots: Sequence[Slot],
        cache: InputCache,
        stop: threading.Event,
        command: Sequence[str] = RUNNER_COMMAND,
    ) -> None:
        self._data = settings.data_dir
        self._cache = cache
        self._stop = stop
        self._command = command
        self._testing = threading.Lock()
        one_of_each = {slot.gpu: Place(slot) for slot in slots}.values()
        self._troubles = {place: f"{place} is being tested" for place in one_of_each}

    @property
    def trouble(self) -> str | None:
        """Why no task may start here; None: the worker is fit. Cached blobs go before a disk counts as full."""
        for trouble in self._troubles.copy().values():
            return trouble
        if self._lack_of_room() is not None:
            self._cache.drop_until(lambda: self._lack_of_room() is None)
        return self._lack_of_room()

    def make_room(self) -> None:
        """Give back what the disk holds without need."""
        self._cache.drop_until(lambda: False)

    def wait(self) -> bool:
        """Wait until the worker is fit; False when it is to stop before that."""
        while self.trouble is not None and not self._stop.wait(LOOK_SECONDS):
            pass
        return not self._stop.is_set()

    def keep(self) -> None:
        """Test every device, and those that fail again after a pause, until the worker is to stop."""
        while not self._stop.is_set():
            for place in self._troubles.copy():
                self.test(place)
            self._stop.wait(PAUSE_SECONDS)

    def test(self, place: Place) -> str | None:
        """Return what is wrong with a device, and remember it; None when it passes, or the worker is to stop."""
        with self._testing:
            trouble = self._failure(place)
            if self._stop.is_set():
                return None
            before = self._troubles.pop(place, None)
            if trouble is not None:
                self._troubles[place] = trouble
        if trouble != before:
            if trouble is not None:
                logger.error("no task is taken: %s", trouble)
            else:
                logger.info("%s has passed its self-test", place)
            self.changed()
        return trouble

    def _lack_of_room(self) -> str | None:
        return lack_of_room(self._data)

    def _failure(self, place: Place) -> str | None:
        try:
            ending = self._run_test(place)
        except OSError as error:
            ending = f"it could not be started: {error}"
        return None if ending is None else f"{place} has failed its self-test: {ending}"

    def _run_test(self, place: Place) -> str | None:
        """Return how a runner fails that trains a step and reads known good files; None when it does not."""
        threads = place.slot.threads(TaskType.INGEST)
        task = RunnerTask(
            type="self_test",
            params={},
            inputs={},
            documents={},
            device=place.slot.device,
            threads=threads,
            confinement=place.confinement,
        )
        home = self._data / "home"
        home.mkdir(parents=True, exist_ok=True)
        with attempt_folder(self._data / "scratch", "self-test", place.slot.gpu or "cpu", os.getpid()) as folder:
            (folder / "task.json").write_text(task.model_dump_json(), encoding="utf-8")
            environment = runner_environment(place.slot, TaskType.INGEST, home)
            with RunnerProcess(self._command, folder, environment) as runner:
                over, late = threading.Event(), threading.Event()
                clock = threading.Thread(target=self._watch, args=(runner, over, late), name="self-test")
                clock.start()
                try:
                    endings = [event for event in runner.events() if isinstance(event, DoneEvent | FailedEvent)]
                finally:
                    over.set()
                    clock.join()
                if late.is_set():
                    return f"it has not ended in {TEST_SECONDS:g} s"
                if not endings:
                    return runner.failure_summary()
                return endings[0].error.message if isinstance(endings[0], FailedEvent) else None

    def _watch(self, runner: RunnerProcess, over: threading.Event, late: threading.Event) -> None:
        deadline = time.monotonic() + TEST_SECONDS
        while not over.wait(LOOK_SECONDS):
            if time.monotonic() > deadline:
                late.set()
            if late.is_set() or self._stop.is_set():
                runner.terminate()
                return
