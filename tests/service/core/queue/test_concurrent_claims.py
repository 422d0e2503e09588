"""Many claimers at once, whose wake-ups may come twice: every task is won by one of them."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from service.core.clients import Core, open_core
from service.core.foundation.redis_keys import LEASES, READY
from service.core.foundation.settings import Settings

JOBS, TASKS = 20, 500
CLAIMERS = 2


def test_each_of_10_000_tasks_is_claimed_once(
    settings: Settings, core: Core, submit_graph: Callable[[dict[str, list[str]]], str]
) -> None:
    jobs = [submit_graph({f"task:{number}": [] for number in range(TASKS)}) for _ in range(JOBS)]
    members = [(job, f"task:{number}") for job in jobs for number in range(TASKS)]

    def claim_all(seed: int) -> list[tuple[str, str]]:
        mine = random.Random(seed).sample(members, len(members))
        with closing(open_core(settings)) as own:
            return [(job, task) for job, task in mine if own.store.claim(job, task, f"claimer {seed}", 600) is not None]

    with ThreadPoolExecutor(CLAIMERS) as pool:
        won = list(pool.map(claim_all, range(CLAIMERS)))
    assert all(won), "one claimer was faster than the others every time: nothing was contended"
    assert Counter(claim for claims in won for claim in claims) == Counter(members)
    assert core.redis.zcard(READY) == 0
    assert core.redis.zcard(LEASES) == len(members)
