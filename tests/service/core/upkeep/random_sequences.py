"""Random sequences of what happens to a core, each beginning on emptied servers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from service.core.clients import Core
from service.core.objects.storage import BLOBS


def run_sequences(machine: type[RuleBasedStateMachine], core: Core, hand: Any, examples: int) -> None:
    """Run a machine, whose attributes `core` and `hand` become these; below 50 examples the same ones each time."""
    several = settings(
        max_examples=examples,
        stateful_step_count=15,
        deadline=None,
        derandomize=examples < 50,
        suppress_health_check=list(HealthCheck),
        # Shortening an example that fails takes minutes: the long run does it.
        phases=(Phase.generate,) if examples < 50 else tuple(Phase),
    )
    run_state_machine_as_test(type("Machine", (machine,), {"core": core, "hand": hand}), settings=several)


def empty(core: Core) -> None:
    """Leave nothing in Redis and the storage."""
    core.redis.flushall()
    for key in core.storage.list_keys(""):
        core.storage.delete(key)
    for key, parts_id in list(core.storage.parts.begun_before(datetime.now(UTC) + timedelta(days=1))):
        core.storage.parts.abort(key, parts_id)


def blobs_of(core: Core) -> set[str]:
    """Digests of the blobs in the storage."""
    return {key.rpartition("/")[2] for key in core.storage.list_keys(BLOBS)}
