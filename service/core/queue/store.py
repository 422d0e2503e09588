"""Live jobs in Redis. Every change of state is one atomic script; see `scripts/`."""

import copy
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from api_schemas.jobs import JobState
from service.core.foundation import redis_keys
from service.core.foundation.listing import Entry, Listing
from service.core.foundation.protocol import PROTOCOL
from service.core.foundation.scripts import register
from service.core.foundation.tenants import listing_for, sees
from service.core.queue import states
from service.core.queue.history import Histories
from service.core.queue.records import JobRecord, TaskRecord

IDEMPOTENCY_SECONDS = 7 * 24 * 3600
"""How long an idempotency key is remembered."""

SCRIPTS = ("claim", "renew", "record", "checkpoint", "finish", "cancel", "expire", "forget", "await", "refuse")
PLANNING_SCRIPTS = ("submit", "plan")

Happened = Literal["succeeded", "failed", "retry", "lost", "released", "moved", "canceled"]


@dataclass(frozen=True)
class Submitted:
    """The outcome: the job is new, exists already, the key was used otherwise, something is gone, a limit was met."""

    outcome: Literal["created", "exists", "reused", "missing", "over"]
    id: str
    """Id of the job, or of what is missing, or name of the limit."""


@dataclass(frozen=True)
class Finished:
    """The end of an attempt: the state of its task, or `refused`; and the tasks that are ready now."""

    outcome: Literal["refused", "succeeded", "failed", "queued", "canceled"]
    ready: Sequence[str]


@dataclass(frozen=True)
class JobVersion:
    """A mark that tells one state of a job from the next. Every change that is shown is an event or progress, but a
    retry and a pin."""

    text: str
    owner: str | None


async def versions(redis: AsyncRedis, job_ids: Sequence[str]) -> list[JobVersion | None]:
    """Return the versions of jobs, whoever sees them; None for one that does not exist. One call to Redis."""
    pipeline = redis.pipeline(transaction=False)
    for job_id in job_ids:
        pipeline.xrevrange(redis_keys.events(job_id), count=1)
        pipeline.hmget(redis_keys.job(job_id), ["state", "tenant", "retried_as", "progressed"])
        pipeline.sismember(redis_keys.PINNED, job_id)
    answers = await pipeline.execute()
    return [
        None if state is None else JobVersion(_mark(newest[0][0], progressed, successor, pinned), owner)
        for newest, (state, owner, successor, progressed), pinned in zip(
            answers[::3], answers[1::3], answers[2::3], strict=True
        )
    ]


def _mark(event: str, progressed: str | None, successor: str | None, pinned: bool) -> str:
    return f"{event}.{progressed or ''}.{successor or ''}{'.pinned' * pinned}"


class JobStore:
    """The records of jobs and tasks, and the rules by which they change."""

    _viewer: str | None = None

    def __init__(self, redis: Redis, events_kept: int) -> None:
        self._redis = redis
        self._kept = events_kept
        self._scripts = {
            names[-1]: register(redis, __package__, "index", "workers", "prelude", *names, preface=states.lua())
            for names in [*((name,) for name in SCRIPTS), *(("planned", name) for name in PLANNING_SCRIPTS)]
        }
        self._turn = register(redis, __package__, "workers", "turn")
        self.histories = Histories(redis)
        """What happened in the jobs; whose they are, a piece of one says."""
        self._unpark = register(redis, __package__, "workers", "unpark")

    def seen_by(self, viewer: str | None) -> "JobStore":
        """Return the jobs as a tenant sees them; None: everything. Writes are not checked."""
        seen = copy.copy(self)
        seen._viewer = viewer
        return seen

    @property
    def listing(self) -> Listing:
        """The list of all jobs to be seen."""
        return Listing(listing_for(self._viewer, redis_keys.JOBS), redis_keys.job, tuple(JobState), self._entries)

    def _entries(self, ids: Sequence[str]) -> list[Entry]:
        return [job.entry for job in self.load_many(ids, tasks=[])]

    def shows(self, owner: str | None) -> bool:
        """Tell whether a job of this owner, as its record names them, is to be seen."""
        return sees(self._viewer, owner)

    def _run(self, script: str, job_id: str, task: str = "", *args: str | int) -> Any:
        return self._scripts[script](args=[self._kept, job_id, task, *args])

    def submit(self, job_id: str, spec: dict[str, Any]) -> Submitted:
        """Record a job, see `scripts/submit.lua` for the specification."""
        outcome, found = self._run("submit", job_id, "", json.dumps(spec))
        return Submitted(outcome, found)

    def plan(self, job_id: str, spec: dict[str, Any]) -> str:
        """Give a job that awaited datasets its tasks, see `scripts/plan.lua`; returns what is missing, '' for nothing.

        Without effect where it has been planned, or has ended.
        """
        outcome, *missing = self._run("plan", job_id, "", json.dumps(spec))
        return str(missing[0]) if outcome == "missing" else ""

    def await_datasets(self, job_id: str, dataset_ids: Sequence[str]) -> None:
        """Have a job that is not planned yet await these datasets from now on."""
        self._run("await", job_id, "", json.dumps(dataset_ids))

    def awaiting(self) -> Iterator[tuple[str, str]]:
        """Yield the datasets that are or were awaited, each with a job that is to be planned when it is ready."""
        for entry in self._redis.sscan_iter(redis_keys.AWAITED, count=1000):
            dataset_id, _, job_id = str(entry).partition(" ")
            yield dataset_id, job_id

    def awaits_no_more(self, dataset_id: str, job_id: str) -> None:
        """Note that a job need not be looked at when the dataset is ready."""
        self._redis.srem(redis_keys.AWAITED, f"{dataset_id} {job_id}")

    def refuse(self, job_id: str, error: str) -> bool:
        """Fail a job that cannot be planned, with the JSON of the error; False when it was planned or has ended."""
        return bool(self._run("refuse", job_id, "", error))

    def claim(
        self,
        job_id: str,
        task: str,
        worker: str,
        lease_seconds: float,
        running_limit: int | None = None,
        token: str | None = None,
    ) -> int | None:
        """Take a ready task; returns the number of the attempt, None when the task is not there to take.

        Nor is it while as many of the tenant's tasks run as `running_limit` allows, when a newer version of the service
        has planned it (`PROTOCOL`), or where the worker failed at it and another is fit that did not. A claim repeated
        with its `token`, a text of its own, returns the attempt that it won before.
        """
        limit = "" if running_limit is None else running_limit
        lease = milliseconds(lease_seconds)
        return self._run("claim", job_id, task, worker, lease, limit, token or secrets.token_hex(8), PROTOCOL) or None

    def next_in_turn(self, queue: str, running_limit: int | None, worker: str = "") -> tuple[str, str] | None:
        """Return the job and the task that a worker is to claim next, see `scripts/turn.lua`; None when none waits."""
        member = self._turn(args=[queue, "" if running_limit is None else running_limit, worker, PROTOCOL])
        if member is None:
            return None
        job_id, _, task = str(member).partition(" ")
        return job_id, task

    def unpark(self) -> None:
        """Go on with tasks that waited for a labeler which nobody makes any more, where its maker did not see to it."""
        self._unpark()

    def renew(
        self, job_id: str, task: str, attempt: int, lease_seconds: float
    ) -> Literal["running", "canceling", "lost"]:
        """Extend the lease of an attempt by `lease_seconds` from now; with 0 only tell whether it holds."""
        answer: Literal["running", "canceling", "lost"] = self._run(
            "renew", job_id, task, attempt, milliseconds(lease_seconds)
        )
        return answer

    def record(self, job_id: str, task: str, attempt: int, type: str, data: str) -> bool:
        """Append an event of an attempt; `data` is JSON."""
        return bool(self._run("record", job_id, task, attempt, type, data))

    def note_checkpoint(self, job_id: str, task: str, attempt: int, files: dict[str, str]) -> bool:
        """Remember {file name: SHA-256} for a later attempt."""
        return bool(self._run("checkpoint", job_id, task, attempt, json.dumps(files)))

    def is_left(self, job_id: str, task: str, worker: str) -> bool:
        """Tell whether a task waits at which the worker has failed, so that it may be another's turn."""
        state, failed = self._redis.hmget(redis_keys.task(job_id, task), ["state", f"failures:{worker}"])
        return state == JobState.QUEUED and failed is not None

    def finish(
        self,
        job_id: str,
        task: str,
        attempt: int,
        happened: Happened,
        text: str,
        max_attempts: int,
        alone: int | None = None,
    ) -> Finished:
        """End an attempt, see `scripts/finish.lua`.

        `max_attempts` is how many workers may fail at the task; `alone`, unless as many, how often it may fail where no
        other worker is fit.
        """
        most = max_attempts if alone is None else alone
        outcome, *ready = self._run("finish", job_id, task, attempt, happened, text, max_attempts, most)
        return Finished(outcome, ready)

    def cancel(self, job_id: str) -> JobState:
        """Stop a job; returns the state it was in."""
        return JobState(self._run("cancel", job_id))

    def expire(self, job_id: str) -> bool:
        """End a job that has waited too long; False when something of it has begun."""
        return bool(self._run("expire", job_id))

    def forget(self, job_id: str) -> bool:
        """Take out a job that has ended and was closed; False when it has not, or another one has retried it."""
        return bool(self._run("forget", job_id))

    def now(self) -> float:
        """Return the server's time, in the milliseconds that `READY` and `LEASES` are scored by."""
        seconds, microseconds = self._redis.time()
        return seconds * 1000 + microseconds / 1000

    def due(self) -> list[str]:
        """Return the entries of the outbox that are still to be carried out."""
        return sorted(str(entry) for entry in self._redis.smembers(redis_keys.OUTBOX))

    def is_due(self, entry: str) -> bool:
        """Tell whether an entry of the outbox is still to be carried out."""
        return bool(self._redis.sismember(redis_keys.OUTBOX, entry))

    def done(self, entry: str) -> None:
        """Note that an entry of the outbox has been carried out."""
        self._redis.srem(redis_keys.OUTBOX, entry)

    def known(self, key_digest: str) -> tuple[str, str] | None:
        """Return the request's digest and the id of what it made, a job's mostly, of an idempotency key's digest."""
        digest, job_id = self._redis.hmget(redis_keys.idempotency(key_digest), ["digest", "job"])
        return None if digest is None or job_id is None else (str(digest), str(job_id))

    def remember(self, key_digest: str, digest: str, made: str, seconds: int) -> tuple[str, str]:
        """Remember an idempotency key unless it is known; return what `known` does from then on."""
        memory = redis_keys.idempotency(key_digest)
        pipeline = self._redis.pipeline()
        pipeline.hsetnx(memory, "digest", digest)
        pipeline.hsetnx(memory, "job", made)
        pipeline.expire(memory, seconds)
        pipeline.hmget(memory, ["digest", "job"])
        known_digest, known = pipeline.execute()[-1]
        return str(known_digest), str(known)

    def note_summary(self, job_id: str, summary: str) -> None:
        """Remember the result of a job that ended before its end noted that; `summary` is JSON."""
        key = redis_keys.job(job_id)
        if self._redis.exists(key):
            self._redis.hset(key, "summary", summary)

    def load(self, job_id: str, tasks: Sequence[str] | None = None) -> JobRecord | None:
        """Return a job with all its tasks or those named, None when there is none of this id."""
        return next(iter(self.load_many([job_id], tasks)), None)

    def results(self, job_id: str, tasks: Sequence[str]) -> list[str | None]:
        """Return the keys of the results of tasks, None for one that has not succeeded."""
        pipeline = self._redis.pipeline(transaction=False)
        for name in tasks:
            pipeline.hget(redis_keys.task(job_id, name), "result")
        keys: list[str | None] = pipeline.execute()
        return keys

    def maker(self, task: TaskRecord) -> str | None:
        """Return the job that makes, at this moment, the labeler that a task is to make; None: none does."""
        maker = self._redis.get(redis_keys.making(task.makes or ""))
        return None if maker is None else str(maker).partition(" ")[0]

    def computed(self, digest: str) -> list[tuple[str, str]]:
        """Return job and name of the tasks that have succeeded with a result of this digest, the oldest first."""
        members = [str(member).partition(" ") for member in self._redis.zrange(redis_keys.computed(digest), 0, -1)]
        return [(job_id, task) for job_id, _, task in members]

    def state(self, job_id: str) -> JobState | None:
        """Return where a job stands, None when there is none of this id."""
        return self.states([job_id])[0]

    def states(self, job_ids: Sequence[str]) -> list[JobState | None]:
        """Return where jobs stand, None for one that does not exist."""
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.hmget(redis_keys.job(job_id), ["state", "tenant"])
        answers = pipeline.execute()
        return [JobState(state) if state is not None and self.shows(owner) else None for state, owner in answers]

    def load_many(self, job_ids: Iterable[str], tasks: Sequence[str] | None = None) -> list[JobRecord]:
        """Return the jobs of these ids that exist, in this order, with all their tasks or those named."""
        ids = list(job_ids)
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in ids:
            pipeline.hgetall(redis_keys.job(job_id))
            if tasks is None:
                pipeline.lrange(redis_keys.job_tasks(job_id), 0, -1)
        answers = iter(pipeline.execute())
        read = [(job_id, next(answers), next(answers) if tasks is None else tasks) for job_id in ids]
        found = [
            (job_id, fields, names) for job_id, fields, names in read if fields and self.shows(fields.get("tenant"))
        ]
        pipeline = self._redis.pipeline(transaction=False)
        for job_id, _, names in found:
            for name in names:
                pipeline.hgetall(redis_keys.task(job_id, name))
        hashes = iter(pipeline.execute())
        return [
            JobRecord(job_id, fields, [TaskRecord(name, hash) for name in names if (hash := next(hashes))])
            for job_id, fields, names in found
        ]


def milliseconds(seconds: float) -> int:
    """Convert to the unit of the scripts."""
    return round(seconds * 1000)
