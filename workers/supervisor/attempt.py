"""One claimed task from its inputs to its outcome: prepare a folder, run the runner in it, relay what it tells."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Literal

from redis.exceptions import RedisError

from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from api_schemas.runner import CheckpointEvent, DoneEvent, FailedEvent, LogEvent, ProgressEvent, RunnerEvent, RunnerTask
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, in_words, is_outage
from service.core.kinds.task_types import TASKS
from service.core.lifecycle import tasks
from service.core.lifecycle.tasks import ClaimedTask
from workers.supervisor.confinement import (
    TIMELY_TRIES,
    Moved,
    confinement_of,
    fault_of_upload,
    moved,
    out_of_time,
    small_seconds,
)
from workers.supervisor.disk import is_full
from workers.supervisor.fitness import Fitness, Place
from workers.supervisor.gpu_room import Stay
from workers.supervisor.input_cache import InputCache
from workers.supervisor.intake import pause_after
from workers.supervisor.lease import LeaseKeeper
from workers.supervisor.runner_files import kept_files, plain_name, regular_files
from workers.supervisor.runner_process import RunnerProcess, runner_environment
from workers.supervisor.scratch import attempt_folder
from workers.supervisor.slots import Slot
from workers.supervisor.training_kind import kind_of
from workers.supervisor.warm_runner import WarmRunner, stays

logger = logging.getLogger(__name__)

PROGRESS_PAUSE = 0.5
"""Seconds between two progress events that are passed on: nobody reads faster."""

SHA256_LENGTH = 64

Record = Callable[[Callable[[], bool]], bool]
"""Records how an attempt ended by the call that it is given, as soon as that succeeds."""

TASK_FILE = "task.json"
"""Written last, when all that the runner needs is in its folder."""


def run_task(
    core: Core,
    claimed: ClaimedTask,
    slot: Slot,
    warm: WarmRunner,
    cache: InputCache,
    fitness: Fitness,
    shutting_down: threading.Event,
) -> Exception | None:
    """Run a claimed task in a runner process, that of the task before it where it is still `warm`, and record how it
    ended.

    Recorded as: succeeded or failed as the runner says; failed with its last words when it dies without saying; moved
    to the queue `cpu` when it reads for longer than a small upload takes; a failure of origin `worker` when inputs or
    outputs cannot be moved, or when the worker proves unfit by its `fitness`; of origin `timeout` when it takes too
    long or stands still; canceled; and given back when this worker is `shutting_down`, also while it waits to store a
    result, or cannot get the inputs because the storage is away. After a lost lease nothing is recorded: the task is
    another's.

    Whatever is to be recorded waits for Redis and the storage as long as they are away. Returns the outage that kept
    the task from starting, None where it started.
    """
    data = core.settings.data_dir
    home = data / "home"
    started = False
    with LeaseKeeper(core, claimed, shutting_down) as lease:
        record = partial(_persistently, core, claimed, lease)
        fail = partial(_fail, core, claimed, slot, fitness, record)
        try:
            home.mkdir(parents=True, exist_ok=True)
            with attempt_folder(data / "scratch", claimed.job_id, claimed.name, claimed.attempt) as folder:
                prepare(core, claimed, slot, cache, folder)
                started = True
                environment = runner_environment(slot, claimed.type, home)
                with _on_gpu(slot, claimed, lease) as stay, warm.working(claimed, folder, environment) as runner:
                    with lease.watching(lambda why: runner.preempt() if why == "shutdown" else runner.terminate()):
                        ending = _relay(core, claimed, runner.events(), folder, lease, slot)
                    if not (stays(claimed) and isinstance(ending, DoneEvent)):
                        runner.wait()
                    death = None if ending or lease.interruption else _death(claimed, runner)
                _record_end(core, claimed, ending, lease, death, folder, stay, record, fail)
        except Exception as error:
            _give_up(core, claimed, error, started, shutting_down.is_set(), record, fail)
            return error if is_outage(error) and not started else None
    return None


@contextmanager
def _on_gpu(slot: Slot, claimed: ClaimedTask, lease: LeaseKeeper) -> Iterator[Stay | None]:
    """Wait for memory of a GPU that is shared. Yields what the task will have held of the GPU; None of another."""
    seat, room = slot.seat, slot.room
    with (
        nullcontext() if seat is None else seat.working(kind_of(claimed), is_whole=not claimed.checkpoint),
        nullcontext() if room is None else room.taken_by(claimed.type, lambda: lease.interruption is not None) as stay,
    ):
        yield stay


def prepare(core: Core, claimed: ClaimedTask, slot: Slot, cache: InputCache, folder: Path) -> None:
    """Put all that a runner needs into an empty folder. Raises what storage and file system raise."""
    inputs: dict[str, dict[str, str]] = {}
    for name, files in claimed.inputs.items():
        inputs[name] = {}
        for file, reference in files.items():
            path = folder / "inputs" / plain_name(name) / plain_name(file)
            path.parent.mkdir(parents=True, exist_ok=True)
            if len(reference) == SHA256_LENGTH:
                cache.place(reference, path)
            else:
                core.storage.download(reference, path)
            inputs[name][file] = str(path.relative_to(folder))
    for subfolder in ("outputs", "checkpoint", "kept"):
        (folder / subfolder).mkdir()
    for file, sha256 in claimed.checkpoint.items():
        core.storage.download(sha256, folder / "checkpoint" / plain_name(file))
    upload_bytes = sum((folder / path).stat().st_size for path in inputs.get("uploads", {}).values())
    task = RunnerTask(
        type=claimed.type,
        params=claimed.params,
        inputs=inputs,
        documents=claimed.documents,
        device=slot.device,
        threads=slot.threads(claimed.type),
        slots=slot.slots,
        sharers=slot.sharers,
        confinement=confinement_of(claimed, core.settings, upload_bytes, slot.threads(claimed.type)),
        stays=stays(claimed),
        small_seconds=small_seconds(claimed),
    )
    (folder / TASK_FILE).write_text(task.model_dump_json(), encoding="utf-8")


def _relay(
    core: Core, claimed: ClaimedTask, events: Iterable[RunnerEvent], folder: Path, lease: LeaseKeeper, slot: Slot
) -> DoneEvent | FailedEvent | None:
    """Pass events on until the last one, which is returned; None when the runner ends without it.

    The task has moved with every event that tells anything new: a runner repeats its progress as a sign of life.
    """
    told_at = 0.0
    stood_at: tuple[str, int] | None = None
    for event in events:
        stands_at = (event.stage, event.done) if isinstance(event, ProgressEvent) else None
        if stands_at is None or stands_at != stood_at:
            lease.moved()
            stood_at = stands_at or stood_at
        if isinstance(event, DoneEvent | FailedEvent):
            return event
        if isinstance(event, ProgressEvent):
            if slot.seat is not None:
                slot.seat.progressed(event.done, event.total)
            now = time.monotonic()
            if now - told_at < PROGRESS_PAUSE and event.done < event.total:
                continue
            told_at = now
        try:
            if isinstance(event, CheckpointEvent):
                with lease.storing():
                    tasks.keep_checkpoint(core, claimed, kept_files(folder, event.files))
            else:
                tasks.record(core, claimed, event)
        except (RedisError, ServiceError) as error:
            # The computation is worth more than one line about it; a lasting outage costs the lease.
            logger.warning("%s: a %s event is lost: %s", claimed, event.event, error)
    return None


def _record_end(
    core: Core,
    claimed: ClaimedTask,
    ending: DoneEvent | FailedEvent | None,
    lease: LeaseKeeper,
    death: TaskError | Moved | None,
    folder: Path,
    stay: Stay | None,
    record: Record,
    fail: Callable[..., None],
) -> None:
    if isinstance(ending, DoneEvent):
        files = regular_files(folder / "outputs", ending.files)
        held = None if stay is None else stay.seconds
        if record(lambda: tasks.succeed(core, claimed, ending.result, files, held)):
            logger.info("%s: succeeded", claimed)
    elif isinstance(ending, FailedEvent):
        told = ending.error
        fail(told, sure=told.origin is ErrorOrigin.INPUT and TASKS[claimed.type].reads_uploads)
    elif lease.interruption == "canceling":
        record(lambda: tasks.canceled(core, claimed))
        logger.info("%s: canceled", claimed)
    elif lease.interruption == "shutdown":
        record(lambda: tasks.release(core, claimed))
        logger.info("%s: given back", claimed)
    elif lease.interruption == "timeout":
        fail(out_of_time(claimed, claimed.timeout_seconds, f"still running after {claimed.timeout_seconds} s"))
    elif lease.interruption == "stalled":
        fail(out_of_time(claimed, claimed.stall_seconds, f"no progress for {claimed.stall_seconds} s"))
    elif isinstance(death, Moved):
        queue = death.queue
        _tell(core, claimed, "It takes longer to read than a small upload, and waits with the trainings.", "info")
        if record(lambda: tasks.move(core, claimed, queue)):
            logger.info("%s: moved to %s", claimed, queue)
    elif death is not None:
        fail(death)


def _fail(
    core: Core,
    claimed: ClaimedTask,
    slot: Slot,
    fitness: Fitness,
    record: Record,
    error: TaskError,
    sure: bool = False,
) -> None:
    """Record a failure, as the worker's where its device fails a test in the place of the runner.

    `sure`: a reader that works refused an upload, so nothing is left to test.
    """
    if error.code is ErrorCode.DISK_FULL:
        fitness.make_room()
    elif not sure and error.code is not ErrorCode.UNAVAILABLE:
        confinement = confinement_of(claimed, core.settings, 0, slot.threads(claimed.type))
        trouble = fitness.test(Place(slot, confinement))
        if trouble is not None:
            error = _error(ErrorCode.DEVICE_FAILED, ErrorOrigin.WORKER, f"{trouble}\n{error.message}")
    tries = TIMELY_TRIES if error.origin is ErrorOrigin.TIMEOUT and error.reasons else None
    if record(lambda: tasks.fail(core, claimed, error, tries)):
        first_line, _, _ = error.message.partition("\n")
        logger.warning("%s: failed (%s, origin %s): %s", claimed, error.code, error.origin, first_line)


def _death(claimed: ClaimedTask, runner: RunnerProcess) -> TaskError | Moved:
    """Return how a runner ended that gave no result: with an error, or as its upload belongs into another queue."""
    failure_summary, number = runner.failure_summary(), runner.death_signal
    end = moved(claimed, number) or fault_of_upload(claimed.type, number, failure_summary)
    return end or _error(ErrorCode.RUNNER_FAILED, ErrorOrigin.WORKER, failure_summary)


def _persistently(core: Core, claimed: ClaimedTask, lease: LeaseKeeper, record: Callable[[], bool]) -> bool:
    """Wait out an outage, however long, as long as the task is ours: the computation may have taken days."""
    failures = 0
    while True:
        try:
            return record()
        except Exception as error:
            if not is_outage(error):
                raise
            failures += 1
            pause = pause_after(failures)
            told = f"The result cannot be stored, and waits: {in_words(error)}"
            logger.warning("%s: next try in %g s: %s", claimed, pause, told)
            if failures == 1:
                _tell(core, claimed, told, "warning")
            if lease.waiting_is_vain.wait(pause):
                raise


def _tell(core: Core, claimed: ClaimedTask, message: str, level: Literal["info", "warning"]) -> None:
    with suppress(RedisError):
        tasks.record(core, claimed, LogEvent(event="log", level=level, message=message))


def _give_up(
    core: Core,
    claimed: ClaimedTask,
    error: Exception,
    started: bool,
    leaving: bool,
    record: Record,
    fail: Callable[..., None],
) -> None:
    """Record a failure; but an outage costs the task no attempt before the runner has `started`, nor in a shutdown.

    The result of a runner is lost when its worker is told to go before it can be stored: the next attempt goes on
    from the last checkpoint.
    """
    try:
        if is_outage(error) and (leaving or not started):
            record(lambda: tasks.release(core, claimed, error))
            logger.warning("%s: given back: %s", claimed, in_words(error))
        else:
            own = _own_error(error)
            if own.origin is ErrorOrigin.INTERNAL:
                logger.error("%s", claimed, exc_info=error)
            fail(own)
    except (RedisError, ServiceError) as outage:
        logger.warning("%s: left to the reaper: %s", claimed, outage)


def _own_error(error: Exception) -> TaskError:
    """The error of a failure outside the runner: another worker may have more luck, unless our code is wrong."""
    elsewhere = isinstance(error, (RedisError, ServiceError, OSError))
    code = ErrorCode.UNAVAILABLE if is_outage(error) else ErrorCode.INTERNAL
    if is_full(error):
        code = ErrorCode.DISK_FULL
    return _error(
        error.code if isinstance(error, ServiceError) else code,
        ErrorOrigin.WORKER if elsewhere else ErrorOrigin.INTERNAL,
        f"{type(error).__name__}: {error}",
    )


def _error(code: ErrorCode, origin: ErrorOrigin, message: str) -> TaskError:
    return TaskError(code=code, origin=origin, message=message, reasons=[])
