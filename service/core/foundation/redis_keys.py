"""Every key of Redis, each pattern once: constants and functions for Python, and the same, made from them, for Lua.

The strings are the stored ones: a key that is renamed here is lost in every Redis that is in use.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """A key with gaps; called with what fills them, in order, it returns the key."""

    text: str

    def __call__(self, *parts: object) -> str:
        """Return the key."""
        return self.text.format(*parts)

    @property
    def lua(self) -> str:
        """The same as a function of Lua."""
        between = self.text.split("{}")
        names = [f"part_{position}" for position in range(1, len(between))]
        pieces = [f"'{between[0]}'", *(f"{name} .. '{text}'" for name, text in zip(names, between[1:], strict=True))]
        return f"function({', '.join(names)}) return {' .. '.join(pieces)} end"


job = Pattern("ladd:job:{}")
"""Hash of a job's fields, by its id."""
job_tasks = Pattern("ladd:job:{}:tasks")
"""List of the names of a job's tasks, in the order they were planned."""
task = Pattern("ladd:task:{}:{}")
"""Hash of a task's fields, by job and name."""
events = Pattern("ladd:events:{}")
"""Stream of a job's events that are kept; those of earlier versions hold progress as well."""
progressed = Pattern("ladd:progressed:{}")
"""Sorted set of the tasks of a job that have told progress, scored by the number of the last."""
asked_report = Pattern("ladd:asked-report:{}")
"""There for a while after a worker was woken for the report of what a job has found so far."""
partial_report = Pattern("ladd:lock:partial-report:{}")
"""Held by the worker that makes it."""
JOBS = "ladd:jobs"
"""Sorted set of all job ids."""
DATASETS = "ladd:datasets"
"""Sorted set of all dataset ids, which sort by time."""
LABELERS = "ladd:labelers"
"""Sorted set of all labelers as `LabelerManifest.member` lists them."""
own_listing = Pattern("{}:{}")
"""The part of one of these three sorted sets that belongs to a tenant."""
index = Pattern("ladd:index:{}")
"""Sorted set of `<state> <facet> <member>` of all that one of these sets lists, by its key; see `listing.py`."""
LISTED = "ladd:listed"
"""There once everything is in the index."""
LISTING_LOCK = "ladd:lock:listing"
"""Held by whoever compares lists with records."""
COMPARED = "ladd:compared"
"""There from one comparison of lists with records to the next."""
MENDED = "ladd:mended"
"""Hash {key of one of these sets: the member up to which it was last compared with the records}."""
dataset = Pattern("ladd:dataset:{}")
"""Hash of a dataset's manifest, by its id."""
labeler = Pattern("ladd:labeler:{}")
"""Hash of a labeler's manifest, by its id."""
labelled = Pattern("ladd:labelled:{}")
"""Sorted set of the ids of label-augmented sets that were labelled in the same way, by the digest of that."""
computed = Pattern("ladd:computed:{}")
"""Sorted set of `<job> <task>` of tasks that have the same result, by the digest of all that decides it."""
making = Pattern("ladd:making:{}")
"""The `<job> <task>` that makes the labeler of this id at this moment."""
parked = Pattern("ladd:parked:{}")
"""Set of `<job> <task>` that would make the labeler of this id, too, and stand in no line as long as it is made."""
PARKED = "ladd:parked"
"""Set of the ids of labelers that have such tasks."""
AWAITED = "ladd:awaited"
"""Set of `<dataset> <job>` of jobs that are to be planned when the dataset is ready."""
users = Pattern("{}:jobs")
"""Set of the jobs that use the dataset, or name the labeler, of this key."""

READY = "ladd:ready"
"""Sorted set of `<job> <task>` that may be claimed, scored by when a worker was last woken for it (0: never)."""
ready_tenants = Pattern("ladd:ready:{}")
"""Set of the tenants that have tasks ready in a queue."""
ready_line = Pattern("ladd:ready:{}:{}")
"""Sorted set of `<job> <task>` that are ready in a queue, of a tenant, in the order they are to be claimed."""
READIED = "ladd:readied"
"""Counter of tasks that have become ready: a place in the line."""
DEADLINES = "ladd:deadlines"
"""Sorted set of the ids of queued jobs that are to begin by some time, scored by that (milliseconds since 1970)."""
TURN = "ladd:turn"
"""Counter of claims."""
TURNS = "ladd:turns"
"""Hash {tenant: the claim that served it last}."""
LEASES = "ladd:leases"
"""Sorted set of `<job> <task>` that are running, scored by when the lease ends."""
OUTBOX = "ladd:followups"
"""Set of `close <job>`, `forget <job>` and `delete <dataset>` that are still due after a change of state."""
queued_jobs = Pattern("ladd:queued:{}")
"""Set of a tenant's jobs that wait to begin."""
running_tasks = Pattern("ladd:running:{}")
"""Set of `<job> <task>` of a tenant that are running."""
stored_bytes = Pattern("ladd:stored:{}")
"""Hash {id of a dataset or labeler: bytes it stores} of a tenant."""
begun_uploads = Pattern("ladd:uploads:{}:{}")
"""Counter of the uploads that a tenant has begun in a minute of the clock."""
idempotency = Pattern("ladd:idempotency:{}")
"""Hash of the request that an idempotency key, by its digest, came with, and of the job or whatever else it made."""
upload = Pattern("ladd:upload:{}")
"""Record of an upload in parts, by its id."""

owned_blobs = Pattern("ladd:blobs:{}")
"""Set of the digests that an owner holds."""
blob_owners = Pattern("ladd:blob:{}")
"""Set of the owners of a blob, by its digest."""
NEEDLESS = "ladd:needless"
"""Sorted set of `<owner> <digest>` of blobs found to be held without need, scored by when (seconds since 1970)."""
removing = Pattern("ladd:removing:{}")
"""There while a blob is being removed."""

webhooks = Pattern("ladd:webhooks:{}")
"""Hash {id: its `Hook` as JSON} of the webhooks of a tenant."""
WEBHOOK_TURNS = "ladd:webhook_turns"
"""Sorted set of `<tenant> <webhook>` that have something to be sent, scored by when to look next (ms)."""
webhook_line = Pattern("ladd:webhook:{}:line")
"""Sorted set of the messages that a webhook is still to get, scored by when the next attempt is due (ms)."""
webhook_log = Pattern("ladd:webhook:{}:log")
"""Sorted set of the messages of a webhook that are kept, which sort by time."""
webhook_held = Pattern("ladd:webhook:{}:held")
"""There while a message is being sent to a webhook."""
webhook_failing = Pattern("ladd:webhook:{}:failing")
"""Time (ms) since which every attempt to reach a webhook has failed."""
webhook_message = Pattern("ladd:webhook:{}:message:{}")
"""Hash of a message and its attempts, by webhook and id."""
PINNED = "ladd:pinned"
"""Set of the ids of datasets, labelers and jobs that are kept however old they are."""
changing = Pattern("ladd:lock:changing:{}")
"""Held by whoever changes the dataset of this id."""

API_KEYS = "ladd:keys"
"""Hash {SHA-256 of an API key: its `ApiKey` as JSON}."""
session = Pattern("ladd:session:{}")
"""SHA-256 of the API key that let a browser in, by the SHA-256 of its token; gone when the session ends."""
RATES = "ladd:rates"
"""Hash of FLOPs per second of one device, by device kind, part of the method, architecture and precision;
once more, with " eager" behind, of networks without a compiler alone."""
WORKERS = "ladd:workers"
"""Hash {name of a worker: its last sign of life as JSON, see `service/core/queue/workers.py`}."""
WRITTEN = "ladd:written"
"""Written now and then to see whether Redis takes anything."""
REAPER = "ladd:reaper"
"""Time (seconds since 1970, by Redis's clock) of the last look at the leases."""
REAPER_LOCK = "ladd:lock:reaper"
INDEX_LOCK = "ladd:lock:index"
"""Held by whoever rebuilds the index, or removes what the index does not know."""
INDEXED = "ladd:indexed"
"""There when Redis knows everything that the object storage holds; gone with what a wiped Redis knew."""
SWEPT = "ladd:swept"
"""There from one sweep to the next."""
ADOPTED = "ladd:adopted"
"""There once everything is listed by tenant."""


def lua(script: str) -> str:
    """Return the table `keys` for a script: as many of the names above as it uses, as texts and functions.

    Raises KeyError for a key that is not here.
    """
    entries = []
    for name in sorted(set(re.findall(r"\bkeys\.(\w+)", script))):
        key = globals()[name]
        entries.append(f"{name} = {key.lua if isinstance(key, Pattern) else repr(key)}")
    return f"local keys = {{ {', '.join(entries)} }}\n"
