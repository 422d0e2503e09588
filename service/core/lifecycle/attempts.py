"""One attempt at a task as its lease allows: what it writes names it, and is refused once another has the lease."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from api_schemas.problems import ErrorCode, ErrorOrigin, TaskError
from service.core.clients import Core
from service.core.foundation.errors import ServiceError, existing, in_words, is_outage
from service.core.kinds.kind import Outcome
from service.core.lifecycle import outbox
from service.core.queue.records import JobRecord, TaskRecord
from service.core.queue.store import Happened


@dataclass(frozen=True)
class Lease:
    """One attempt at a task."""

    core: Core
    job_id: str
    task: str
    attempt: int

    def load(self) -> tuple[JobRecord, TaskRecord]:
        """Return the job with this task alone."""
        named = f"{self.task} of {self.job_id}"
        job = existing(self.core.store.load(self.job_id, [self.task]), "task", named)
        return job, existing(job.task(self.task), "task", named)

    def renew(self, seconds: float = 0) -> Literal["running", "canceling", "lost"]:
        """Extend the lease by `seconds` from now; with 0 only tell whether it holds."""
        return self.core.store.renew(self.job_id, self.task, self.attempt, seconds)

    def tell(self, row: Mapping[str, Any] | None) -> None:
        """Show a partial result to the job's readers, unless there is none."""
        if row is not None:
            self.core.store.record(self.job_id, self.task, self.attempt, "row", json.dumps({"values": row}))

    def succeed(self, result: dict[str, Any], outcome: Outcome, held: float | None = None) -> bool:
        """Store the result and note the success; `held`: seconds of a shared GPU. False when refused."""
        storage = self.core.storage
        shared = {} if held is None else {f"held:{self.attempt}": str(held)}
        made: dict[str, Any] = {
            "result": f"{results_prefix(self.job_id)}{self.task}/{self.attempt}.json",
            "job_result": job_result_key(self.job_id) if outcome.job_result else "",
            "summary": outcome.job_result.model_dump_json() if outcome.job_result else "",
            "index": outcome.manifest.index if outcome.manifest else False,
            # As text: Lua's numbers are exact up to 2^53, which the FLOPs of one trial may pass.
            "counted": {"counted_flops": str(outcome.flops), "counted_bytes": str(outcome.bytes)}
            | {name: text for name in ("digest", "reused_from") if (text := getattr(outcome, name))}
            | ({"files": json.dumps(outcome.files)} if outcome.files else {})
            | shared,
        }
        storage.put_json(made["result"], result, note=self._note() | made["counted"])
        if outcome.job_result:
            storage.put_json(made["job_result"], outcome.job_result.model_dump(mode="json"), if_absent=True)
        return self.finish("succeeded", json.dumps(made))

    def _note(self) -> dict[str, str]:
        """Return the fields of the task that tell of this attempt, as they will be when it has succeeded."""
        _, task = self.load()
        known = {name: task.fields[name] for name in (f"worker:{self.attempt}", f"start:{self.attempt}")}
        end = {f"end:{self.attempt}": str(round(self.core.store.now())), f"outcome:{self.attempt}": "succeeded"}
        return {"attempt": str(self.attempt)} | known | end

    def release(self, error: Exception | None) -> bool:
        """Give the task back for what kept the worker from it, None: it shuts down. False when refused."""
        if error is None:
            return self.finish("released")
        code = error.code if isinstance(error, ServiceError) else ErrorCode.INTERNAL
        known = ErrorCode.UNAVAILABLE if is_outage(error) else code
        told = TaskError(code=known, origin=ErrorOrigin.WORKER, message=in_words(error), reasons=[])
        return self.finish("released", told.model_dump_json(), announce=False)

    def finish(
        self,
        happened: Happened,
        text: str = "",
        announce: bool = True,
        tries: int | None = None,
        alone: int | None = None,
    ) -> bool:
        """End the attempt (`JobStore.finish`), and wake workers for what is ready now. False when refused."""
        most = self.core.settings.max_attempts
        finished = self.core.store.finish(
            self.job_id, self.task, self.attempt, happened, text, min(tries or most, most), alone
        )
        if announce:
            self.core.dispatcher.announce(self.job_id, finished.ready)
        if self.core.store.is_due(f"close {self.job_id}"):
            outbox.attend(self.core, f"close {self.job_id}")
        return finished.outcome != "refused" and (happened != "succeeded" or finished.outcome == "succeeded")


def job_result_key(job_id: str) -> str:
    """Return where the result of a job lies."""
    return f"jobs/{job_id}/result.json"


def results_prefix(job_id: str) -> str:
    """Return what the keys of the results of tasks start with; `<task>/<attempt>.json` follows."""
    return f"jobs/{job_id}/tasks/"
