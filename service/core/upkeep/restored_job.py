"""One job as the object storage knows it, and as it goes back into Redis."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from api_schemas.jobs import TERMINAL_STATES, JobState
from service.core.lifecycle.submission import awaiting_fields, datasets_made, labelers_named
from service.core.queue.records import PLANNED, JobRecord


@dataclass(frozen=True)
class RestoredJob:
    """A job from its documents."""

    id: str
    request: Mapping[str, Any]
    """`request.json`, as `Submission` writes it."""
    end: Mapping[str, Any] | None
    """`end.json`, which a finished job has."""
    notes: Mapping[str, Mapping[str, str]]
    """{task: fields of a task that has succeeded} of an unfinished job, read off its stored results."""
    attempts_from: int
    """The next attempt at an unfinished task has a number above this."""
    result_key: str
    """Where the result of a job lies that has succeeded."""

    @property
    def state(self) -> JobState:
        """Where it stands."""
        return JobState(self.fields["state"])

    @property
    def awaits(self) -> Sequence[str]:
        """Ids of the datasets without which it cannot be planned; empty: it has been."""
        return [] if self.request["tasks"] else self.request.get("awaits", [])

    @property
    def made(self) -> set[str]:
        """Ids of the datasets and labelers that its tasks have made."""
        return {fields["makes"] for fields in self.tasks.values() if fields["state"] == JobState.SUCCEEDED} - {""}

    @cached_property
    def tasks(self) -> dict[str, dict[str, str]]:
        """{name: fields} of its tasks, in order."""
        planned: Mapping[str, Mapping[str, str]] = self.request["tasks"]
        if self.end is not None:
            ends = self.end["tasks"]
            return {
                name: {field: fields[field] for field in PLANNED if field in fields} | ends[name]
                for name, fields in planned.items()
                # Of a job that ended before its plan took effect there is a plan, and no task.
                if name in ends
            }
        done = {name for name, fields in planned.items() if fields["state"] == JobState.SUCCEEDED} | set(self.notes)
        return {name: self._unfinished(name, fields, done) for name, fields in planned.items()}

    def _unfinished(self, name: str, planned: Mapping[str, str], done: set[str]) -> dict[str, str]:
        if name in self.notes:
            return {**planned, **self.notes[name], "state": JobState.SUCCEEDED, "waiting": "0"}
        if name in done:
            return dict(planned)
        waiting = [before for before in json.loads(planned["after"]) if before not in done]
        return {**planned, "waiting": str(len(waiting)), "attempt": str(self.attempts_from)}

    @cached_property
    def fields(self) -> dict[str, str]:
        """The fields of the job."""
        stored = self._stored_fields()
        return stored | JobRecord(self.id, stored, []).entry.fields

    def _stored_fields(self) -> dict[str, str]:
        named = {"labelers": json.dumps([*labelers_named(self.tasks)])}
        if self.end is not None:
            return {**self.end["fields"], **named}
        fields = {
            "tenant": self.request["tenant"],
            "kind": self.request["kind"],
            "created": str(self.request["created"]),
            "params": json.dumps(self.request["params"]),
            "tags": json.dumps(self.request["tags"]),
            "notes": json.dumps(self.request.get("notes", [])),
            "datasets": json.dumps([*self.request["reads"], *datasets_made(self.tasks)]),
            **named,
            **(awaiting_fields(self.awaits, self.request["request"]) if self.awaits else {}),
            **self._further_fields(),
        }
        if not self.notes:
            return fields | {"state": JobState.QUEUED}
        starts = self._times("start:")
        fields |= {"started": min(starts)} if starts else {}
        if any(task["state"] != JobState.SUCCEEDED for task in self.tasks.values()):
            return fields | {"state": JobState.RUNNING}
        # Its last task had succeeded, and nobody lived to note the end of the job.
        ends = self._times("end:") or [str(self.request["created"])]
        return fields | {"state": JobState.SUCCEEDED, "result": self.result_key, "finished": max(ends)}

    def _further_fields(self) -> dict[str, str]:
        """Return the fields that earlier versions did not have, without a deadline that is over.

        A job that has not ended by then has begun in time, unless Redis was lost before anybody could expire it.
        """
        fields: Mapping[str, str] = self.request.get("fields", {})
        over = int(fields.get("deadline") or 0) < time.time() * 1000
        return {name: value for name, value in fields.items() if name != "deadline" or not over}

    def _times(self, prefix: str) -> list[str]:
        return [value for note in self.notes.values() for name, value in note.items() if name.startswith(prefix)]

    def specification(self, reads: Sequence[str]) -> dict[str, Any]:
        """Return what `scripts/submit.lua` records; `reads`: the datasets it needs that are there."""
        held = self.state not in TERMINAL_STATES
        return {
            "key": "",
            "digest": "",
            "key_seconds": 0,
            "retry_of": "",
            "reads": list(reads) if held else [],
            "uploads": [],
            "makes": datasets_made(self.tasks) if held else [],
            "labelers": dict.fromkeys(labelers_named(self.tasks), False),
            "dataset": False,
            "awaits": self.awaits if held else [],
            "fields": self.fields,
            "tasks": [{"name": name, "fields": fields} for name, fields in self.tasks.items()],
        }
