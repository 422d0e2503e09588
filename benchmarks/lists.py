"""Lists of many jobs: every filter over HTTP, submissions, what keeps Redis busy longest, and lists while S3 is down.

    python benchmarks/lists.py --finished 100000 --queued 20000

Starts a stack of its own and stops its worker once one job of each sort has been made, of which all others are copies:
recorded by the script that records every job, with names, tags and times of their own, the results of one in all.
Two more tenants have a fiftieth as many each. Writes `results/lists.json` and `.md`.
"""

import argparse
import json
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from ladd_client.api import LaddClient
from ladd_client.tables import text_table
from load import cpu_seconds, process_of, source_set
from over_http import write

from api_schemas.jobs import JobKind, TrainLabelerParams, TrainLabelerRequest
from service.core.clients import Core, open_core
from service.core.foundation.ids import new_id
from service.core.foundation.scripts import register
from service.core.foundation.settings import Settings
from service.core.lifecycle.attempts import job_result_key
from service.core.lifecycle.submission import request_key
from service.core.queue import states
from service.core.queue.store import SCRIPTS
from service.core.upkeep.adoption import ROOM, list_what_is_not
from service.core.upkeep.reaper import reap_once
from service.core.upkeep.restored_job import RestoredJob
from service.core.upkeep.sweeper import sweep
from stack.running import Stack, running_stack, settings
from stack.state import load_state
from stack.supervisord import Supervisord

TENANTS = {"default": 1.0, "small": 0.02, "other": 0.02}
"""The first is the one that asks; how many jobs each has, as parts of the numbers asked for."""
WRITERS = 8
SPAN_SECONDS = 90 * 86400
"""The jobs were made in so long."""
WORDS = ("cifar", "fashion", "imagenette", "tiny", "woof", "birds", "svhn", "mnist", "places", "food")

FILTERS: dict[str, list[tuple[str, str]]] = {
    "no filter": [],
    "limit 100": [("limit", "100")],
    "state=queued": [("state", "queued")],
    "state=queued, running": [("state", "queued"), ("state", "running")],
    "state=running: none": [("state", "running")],
    "kind=evaluate": [("kind", "evaluate")],
    "kind=sweep: none": [("kind", "sweep")],
    "tag of one in ten": [("tag", "team:3")],
    "tag of one job": [("tag", "run:77")],
    "tag of nobody": [("tag", "team:nobody")],
    "two tags of one in ten, both of none": [("tag", "team:3"), ("tag", "shard:4")],
    "kind and tag of one in ten": [("kind", "evaluate"), ("tag", "team:3")],
    "kind, tag and state, together of none": [("kind", "evaluate"), ("tag", "team:3"), ("state", "failed")],
    "name: a word of one in ten": [("name", "imagenette")],
    "name: beginnings of two words": [("name", "imag 77")],
    "name: nobody's": [("name", "zebra")],
    "a day of three months": [],
    "a day, kind and tag": [("kind", "train_labeler"), ("tag", "team:3")],
}
DAY = ("a day of three months", "a day, kind and tag")
"""Of these the time is filled in."""
RESULT = dict.fromkeys(("dataset", "labeler", "labelling", "storage", "flops", "evaluation"))
"""Of every finished job."""


def template(client: LaddClient, core: Core, source: str, seed: int) -> dict[str, Any]:
    """Submit a job and return its stored request."""
    params = TrainLabelerParams(source_dataset=source, seed=seed)
    job = client.submit(TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params))
    client.cancel(job.id)
    return core.storage.get_json(request_key(job.id)) or {}


def copies(request: dict[str, Any], tenant: str, finished: int, queued: int, now: float) -> Iterator[RestoredJob]:
    """Yield jobs of a tenant like one that there is, the oldest first."""
    draw = random.Random(tenant)
    [(task, fields)] = request["tasks"].items()
    for number in range(finished + queued):
        created = round(1000 * (now - SPAN_SECONDS * (1 - number / (finished + queued))))
        done = number < finished
        several = done and draw.random() < 0.1
        kind = "evaluate" if several else "train_labeler"
        tasks = {f"{task}:{part}": fields for part in range(11)} if several else {task: fields}
        team = draw.randrange(10)
        about = {
            "tenant": tenant,
            "kind": kind,
            "created": created,
            "tags": {"run": str(number), "team": str(team), "shard": str((team + 2) % 10)},
            "tasks": tasks,
            "fields": {
                "summary": json.dumps(RESULT) if done else "",
                "name": f"{kind}: {draw.choice(WORDS)} {number % 1000}",
            },
        }
        note = {
            "attempt": "1",
            "worker:1": "w",
            "start:1": str(created),
            "end:1": str(created),
            "outcome:1": "succeeded",
        }
        notes = dict.fromkeys(tasks, note) if done else {}
        yield RestoredJob(new_id("job"), request | about, None, notes, 0, job_result_key("shared"))


def filled(core: Core, request: dict[str, Any], finished: int, queued: int) -> float:
    """Record the jobs; returns milliseconds a job."""
    core.storage.put_json(job_result_key("shared"), RESULT)
    began, count, now = time.monotonic(), 0, core.store.now() / 1000
    for tenant, part in TENANTS.items():
        made = copies(request, tenant, round(finished * part), round(queued * part), now)
        with ThreadPoolExecutor(WRITERS) as pool:
            while some := list(islice(made, 1000)):
                count += len(list(pool.map(lambda job: core.store.submit(job.id, job.specification([])), some)))
    return 1000 * (time.monotonic() - began) / count


def asked(http: httpx.Client, query: Sequence[tuple[str, str]], times: int, api: int) -> dict[str, float]:
    """Ask for a list again and again; returns milliseconds, and those of CPU time that the API, a process, takes."""
    took, spent = [], cpu_seconds(api)
    for _ in range(times):
        began = time.perf_counter()
        answer = http.get("/v1/jobs", params=list(query))
        took.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            return {"status": answer.status_code, "p50": float(np.median(took))}
    cpu = 1000 * (cpu_seconds(api) - spent) / times
    found = {"items": len(answer.json()["items"]), "pages_to_the_end": _pages(http, query), "api_cpu": cpu}
    return quantiles(took) | found


def _pages(http: httpx.Client, query: Sequence[tuple[str, str]]) -> int:
    """Return how many pages it takes until one is full, or the list at its end."""
    pages, cursor = 0, None
    while True:
        page = http.get("/v1/jobs", params=[*query, *([("cursor", cursor)] if cursor else [])]).json()
        pages, cursor = pages + 1, page["next_cursor"]
        if cursor is None or page.get("complete", True):
            return pages


def quantiles(took: Sequence[float]) -> dict[str, float]:
    """Return median, p99 and maximum."""
    return {"p50": float(np.median(took)), "p99": float(np.percentile(took, 99)), "max": max(took), "n": len(took)}


def submissions(client: LaddClient, source: str, times: int) -> dict[str, float]:
    """Submit jobs; returns milliseconds."""
    took = []
    for seed in range(1000, 1000 + times):
        params = TrainLabelerParams(source_dataset=source, seed=seed)
        request = TrainLabelerRequest(kind=JobKind.TRAIN_LABELER, params=params)
        began = time.perf_counter()
        client.submit(request)
        took.append(1000 * (time.perf_counter() - began))
    return quantiles(took)


@contextmanager
def noted(core: Core, microseconds: int) -> Iterator[None]:
    """Have Redis note the commands that take so long."""
    core.redis.config_set("slowlog-log-slower-than", microseconds)
    core.redis.config_set("slowlog-max-len", 20_000)
    core.redis.slowlog_reset()
    yield
    core.redis.config_set("slowlog-log-slower-than", 1_000_000)


def shapes(core: Core, scripts: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Return {command: milliseconds} of what was noted; commands differ by their key up to its id."""
    took: dict[str, list[float]] = {}
    for entry in core.redis.slowlog_get(20_000):
        name, *arguments = f"{entry['command'].decode(errors='replace')} ".split(" ")
        about = scripts.get(arguments[0], arguments[0]) if name == "EVALSHA" else ":".join(arguments[0].split(":")[:2])
        took.setdefault(f"{name} {about}", []).append(entry["duration"] / 1000)
    return {name: quantiles(values) for name, values in took.items()}


OTHERS: dict[str, tuple[str, ...]] = {"mend": ("index",), "turn": ("workers",), "unheard": ()}
"""{script: the files that stand before it}."""


def names_of_scripts(core: Core) -> dict[str, str]:
    """Return {digest: name} of the scripts that change jobs and lists."""
    preface = ("index", "workers", "prelude")
    changes = {name: register(core.redis, ROOM, *preface, name, preface=states.lua()) for name in SCRIPTS}
    others = {name: register(core.redis, ROOM, *files, name) for name, files in OTHERS.items()}
    return {script.sha: name for name, script in (changes | others).items()}


def measured(http: httpx.Client, times: int, names: Sequence[str], api: int) -> dict[str, dict[str, float]]:
    """Ask for each of the lists."""
    middle = time.time() - SPAN_SECONDS / 2
    between = [(bound, _rfc3339(at)) for bound, at in (("created_after", middle), ("created_before", middle + 86400))]
    queries = {name: [*FILTERS[name], *(between if name in DAY else [])] for name in names}
    return {name: asked(http, query, times, api) for name, query in queries.items()}


def _rfc3339(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def without_storage(stack: Stack, http: httpx.Client, ask: Callable[[], Any]) -> Any:
    """Stop S3 for as long as something is asked."""
    state = load_state(stack.directory)
    assert state is not None
    supervisord = Supervisord(stack.directory, state)
    supervisord.stop_process("s3")
    try:
        return ask()
    finally:
        supervisord.start_process("s3")


def row(name: str, found: dict[str, float]) -> list[str]:
    """Return a measurement as a row of the table."""
    if "status" in found:
        return [name, f"{found['p50']:.1f}", "", "", "", f"HTTP {found['status']:.0f}", ""]
    counts = ["", "", ""]
    if "items" in found:
        counts = [f"{found['api_cpu']:.1f}", f"{found['items']:.0f}", f"{found['pages_to_the_end']:.0f}"]
    return [name, f"{found['p50']:.1f}", f"{found['p99']:.1f}", f"{found['max']:.1f}", *counts]


HEADER = ["list", "p50 ms", "p99 ms", "max ms", "API CPU ms", "items", "pages"]


def main() -> None:
    """Fill, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("--queued", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=200, help="that each list is asked for")
    parser.add_argument("--name", default="lists", help="of the results")
    options = parser.parse_args()
    # More wait than a tenant may have by default.
    os.environ["LADD_QUOTA_QUEUED_JOBS"] = str(10 * options.queued + 1000)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder) / "stack") as stack,
        LaddClient(stack.url) as client,
        httpx.Client(base_url=stack.url, timeout=120, trust_env=False) as http,
    ):
        os.environ.update(settings(stack.directory))
        with closing(open_core(Settings())) as core:
            source = source_set(client, Path(folder))
            os.kill(process_of(stack, "worker"), signal.SIGSTOP)
            request = template(client, core, source, 0)
            milliseconds = filled(core, request, options.finished, options.queued)
            memory = core.redis.info("memory")["used_memory"] / 2**20
            names = list(FILTERS)
            api = process_of(stack, "api")
            loads = [os.getloadavg()[0]]
            lists = measured(http, options.times, names, api)
            print(text_table(HEADER, [row(name, found) for name, found in lists.items()]), flush=True)
            posted = submissions(client, source, options.times)
            loads.append(os.getloadavg()[0])
            with noted(core, 0):
                measured(http, 3, names, api)
                submissions(client, source, 20)
                reap_once(core)
                list_what_is_not(core)
                for _ in range(20):
                    job_id, task = core.store.next_in_turn("gpu", None) or ("", "")
                    core.store.claim(job_id, task, "benchmark", 30)
            commands = shapes(core, names_of_scripts(core))
            with noted(core, 5000):
                sweep(core)
            swept = shapes(core, names_of_scripts(core))
            down = without_storage(stack, http, lambda: measured(http, 20, names[:4], api))
        os.kill(process_of(stack, "worker"), signal.SIGCONT)
    rows = [row(name, found) for name, found in lists.items()]
    rows += [row("POST /v1/jobs", posted)] + [row(f"S3 down: {name}", found) for name, found in down.items()]
    longest = sorted(commands.items(), key=lambda found: -found[1]["p50"])[:12]
    caveats = [
        f"{options.finished} finished and {options.queued} queued jobs of the tenant that asks, a fiftieth as many of "
        "each of two others; a tenth of the finished ones have eleven tasks.",
        f"Recorded in {milliseconds:.2f} ms a job; Redis then holds {memory:.0f} MiB.",
        f"Milliseconds over HTTP, one caller, {options.times} times each; `pages`: until one is full or the list ends.",
        "Below: how long commands kept Redis busy, by its own clock, which runs on while other processes have the "
        "core: the median is the command's, the maximum the machine's.",
        f"Callers, API, Redis and S3 share {os.cpu_count()} cores, with whatever else the load average tells of: "
        f"{loads[0]:.0f} before, {loads[1]:.0f} after.",
    ]
    busy = [
        [name, *(f"{found[part]:.2f}" for part in ("p50", "p99", "max")), f"{found['n']:.0f}"]
        for name, found in longest
    ]
    tables = [
        text_table(HEADER, rows),
        text_table(["command of Redis", "p50 ms", "p99 ms", "max ms", "n"], busy),
    ]
    document = {"options": vars(options), "lists": lists, "post": posted, "without_s3": down, "commands": commands}
    document |= {"above_5_ms_in_a_sweep": swept}
    write(options.name, caveats, document | {"redis_mib": memory, "record_ms": milliseconds}, "\n\n".join(tables))
    print("\n\n".join([*caveats, *tables]))


if __name__ == "__main__":
    main()
