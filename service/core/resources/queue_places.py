"""Where queued jobs stand: how many tasks workers take before theirs, and when theirs is expected to start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api_schemas.job_parts import QueuePlace
from api_schemas.jobs import JobState
from service.core.clients import Core
from service.core.foundation import redis_keys
from service.core.queue.records import JobRecord, TaskRecord, timestamp
from service.core.queue.workers import Sign

SAMPLE = 20
"""Tasks at the head of a queue whose predicted time stands for that of all."""

SLOTS = 1000
"""Tasks under way that are looked at, at most."""


def places(core: Core, jobs: Sequence[JobRecord], signs: Mapping[str, Sign]) -> dict[str, QueuePlace]:
    """Return {id: place} of those of the jobs that have not begun and could; `signs` are those of the workers.

    Tenants take turns, so before the r-th task of one stand r - 1 of its own, and as many of each other that has them.
    """
    first = {job.id: task for job in jobs if job.state is JobState.QUEUED and (task := _first_ready(job)) is not None}
    queues = {queue: _Line(core, queue, signs) for queue in {task.queue for task in first.values()}}
    ranks = core.redis.pipeline(transaction=False)
    waiting = [job for job in jobs if job.id in first]
    for job in waiting:
        task = first[job.id]
        ranks.zrank(redis_keys.ready_line(task.queue, job.tenant), f"{job.id} {task.name}")
    return {
        job.id: queues[first[job.id].queue].place(job.tenant, rank)
        for job, rank in zip(waiting, ranks.execute(), strict=True)
        if rank is not None
    }


def _first_ready(job: JobRecord) -> TaskRecord | None:
    return next((task for task in job.tasks if task.state is JobState.QUEUED and not task.after), None)


@dataclass(frozen=True)
class _Hold:
    """What is under way in a queue: how many tasks, and the seconds that they will still take (None: unknown)."""

    tasks: int
    seconds: float | None


class _Line:
    """One queue as it stands now."""

    def __init__(self, core: Core, queue: str, signs: Mapping[str, Sign]) -> None:
        self._core, self._queue = core, queue
        self._now = core.store.now() / 1000
        takers = [sign for sign in signs.values() if queue in sign.queues and not sign.trouble]
        self._free = sum(sign.queues[queue] for sign in takers)
        self._served = bool(takers)
        self._lengths = self._tenants()
        self._running = self._under_way()
        self._seconds = self._typical()

    def place(self, tenant: str, rank: int) -> QueuePlace:
        """Return the place of the task that has `rank` (from 0) in its tenant's line."""
        others = sum(min(length, rank) for name, length in self._lengths.items() if name != tenant)
        before = rank + others
        return QueuePlace(position=before + 1, expected_start=timestamp(self._start(before)))

    def _start(self, before: int) -> str | None:
        """Return when a task starts with so many before it, in milliseconds since 1970."""
        if not self._served:
            return None
        wait = 0.0
        if before >= self._free:
            slots = self._free + self._running.tasks
            if slots == 0 or self._running.seconds is None or self._seconds is None:
                return None
            wait = (self._running.seconds + before * self._seconds) / slots
        return str(round((self._now + wait) * 1000))

    def _tenants(self) -> dict[str, int]:
        tenants = [str(name) for name in self._core.redis.smembers(redis_keys.ready_tenants(self._queue))]
        pipeline = self._core.redis.pipeline(transaction=False)
        for tenant in tenants:
            pipeline.zcard(redis_keys.ready_line(self._queue, tenant))
        return dict(zip(tenants, pipeline.execute(), strict=True))

    def _under_way(self) -> _Hold:
        members = [str(member) for member in self._core.redis.zrange(redis_keys.LEASES, 0, SLOTS - 1)]
        tasks = [task for task in self._tasks(members) if task.queue == self._queue]
        left = [self._left(task) for task in tasks]
        known = [seconds for seconds in left if seconds is not None]
        return _Hold(len(tasks), sum(known) if len(known) == len(left) else None)

    def _left(self, task: TaskRecord) -> float | None:
        seconds = None if task.cost is None else task.cost.seconds
        begun = float(task.fields.get(f"start:{task.fields.get('attempt')}", self._now * 1000)) / 1000
        return None if seconds is None else max(0.0, seconds - (self._now - begun))

    def _typical(self) -> float | None:
        """Return the mean seconds of the tasks that wait; None where they are not predicted by what was measured."""
        members: list[str] = []
        for tenant in self._lengths:
            line = redis_keys.ready_line(self._queue, tenant)
            members += [str(member) for member in self._core.redis.zrange(line, 0, SAMPLE // len(self._lengths))]
        seconds = [task.cost.seconds for task in self._tasks(members) if task.cost is not None]
        known = [each for each in seconds if each is not None]
        return sum(known) / len(known) if known and len(known) == len(members) else None

    def _tasks(self, members: Sequence[str]) -> list[TaskRecord]:
        pipeline = self._core.redis.pipeline(transaction=False)
        names = [member.partition(" ")[::2] for member in members]
        for job_id, name in names:
            pipeline.hgetall(redis_keys.task(job_id, name))
        found = zip(names, pipeline.execute(), strict=True)
        return [TaskRecord(name, fields) for (_, name), fields in found if fields]
