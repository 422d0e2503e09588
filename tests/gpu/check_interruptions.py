"""A training that is killed, runs out of memory or has a neighbour ends with the result it would have had alone."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import SkipTest

import torch

from tests.gpu.small_training import Outcome, TrainingProcess, small, train

ROUNDING = 1e-5
"""Relative difference of a loss in float32 between two ways to add up the same gradient, after a few steps."""

PAIR = ("ConvNetD3", "ConvNetD3")
"""Networks that train side by side, from different seeds: ConvNets repeat their bits, so a difference is a fault."""


def check_resume_after_a_kill(device: torch.device) -> str:
    """SIGKILL within an epoch, some work after the last checkpoint; another process goes on."""
    work = small("ConvNetD3", device, epochs=4, more={"micro_batch": 16})
    whole = train(work, device)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        # The second one is begun beside the first, for the seconds that this takes; it looks for checkpoints later.
        killed = stack.enter_context(TrainingProcess([work], device, checkpoints=folder, killed_after=3))
        other = stack.enter_context(TrainingProcess([work], device, checkpoints=folder))
        killed.wait_until_ready()
        killed.start()
        assert killed.outcomes() is None, "the training ended before it was killed"
        left = [path.name for path in Path(folder).iterdir()]
        assert left, "the killed training left no checkpoint"
        other.wait_until_ready()
        other.start()
        resumed = other.outcomes()
    assert resumed is not None, "the training that went on was killed"
    return f"went on from {', '.join(left)}; {same(resumed[0], whole)}"


def check_two_trainings_at_once(device: torch.device) -> str:
    """Two processes, started together: each ends as in this process, where nothing else runs."""
    works = [small(network, device, epochs=20, seed=seed) for seed, network in enumerate(PAIR)]
    alone = [train(work, device) for work in works]
    with ExitStack() as stack:
        processes = [stack.enter_context(TrainingProcess([work], device)) for work in works]
        for process in processes:
            process.wait_until_ready()
        for process in processes:
            process.start()
        together = [process.outcomes() for process in processes]
    seen = []
    for work, outcomes, expected in zip(works, together, alone, strict=True):
        assert outcomes is not None, f"{work.architecture} was killed"
        seen.append(f"{work.architecture}: {same(outcomes[0], expected)}")
    return "; ".join(seen)


def check_out_of_memory(device: torch.device) -> str:
    """Under a limit that all rows at once do not fit below: in smaller micro-batches, with the same result."""
    if device.type != "cuda":
        raise SkipTest("the limit is one of torch.cuda; tests/workers/ladd/deployment has the CPU's")
    work = small("ConvNetD5", device, size=128, images=40, batch_size=40, more={"micro_batch": 240})
    torch.cuda.empty_cache()
    resident = torch.cuda.memory_reserved(device)
    unbounded = train(work, device)
    torch.cuda.empty_cache()
    with _at_most(resident + (unbounded.peak_bytes - resident) // 2, device):
        bounded = train(work, device)
    assert bounded.logs, "there was no lack of memory"
    assert bounded.micro_batch < unbounded.micro_batch, bounded
    return f"{'; '.join(bounded.logs)}; {same(bounded, unbounded)}"


def same(found: Outcome, expected: Outcome) -> str:
    """Say how alike two outcomes are. Raises AssertionError for losses further apart than rounding."""
    if found.sha256 == expected.sha256:
        return "the same bits"
    distance = max(found.difference(expected))
    assert distance <= ROUNDING, f"losses {found.losses}, not {expected.losses}"
    return f"losses within {distance:.1e}"


@contextmanager
def _at_most(limit: int, device: torch.device) -> Iterator[None]:
    """Let torch hold so many bytes of this device in this block."""
    torch.cuda.set_per_process_memory_fraction(limit / torch.cuda.get_device_properties(device).total_memory, device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
