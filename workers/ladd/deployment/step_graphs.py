"""Whole optimizer steps as CUDA graphs: a small set is bound by the launches of its thousand small kernels.

A step of 10 rows reaches 1 to 2 % of an H200's peak; replayed as a graph, its kernels follow one another without the
host.
"""

import gc
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from workers.ladd.deployment.step import Step
from workers.ladd.engine.seeds import DropoutState

EAGER_FIRST = 2
"""Steps of a form that are run before one is captured: they make what a capture may not make anew (momentum, handles
and workspaces of libraries, compiled code)."""

MOST_GRAPHS = 16
"""Forms that get a graph: the six families of DSA, of the full batch and of the last one of an epoch, and some room."""

TOLERANCE = 0.02
"""How far the update of a matrix or filter by a captured step may be from that by the same step, as a part of its norm.
Both run the same kernels; those that add in no fixed order differ by rounding, at most by some multiples of bfloat16's
2^-8. A bias before a normalization has rounding for a gradient, of which AdamW makes an update like any other."""

Capture = Callable[[Callable[[], None]], Callable[[], None]]
"""Returns a function that repeats the work on the device which the one given asks for; runs none of it itself."""

_checked: set[Hashable] = set()
"""Kinds of steps of which this process has found a captured one equal to the same step."""


def cuda_graphs() -> Capture:
    """Return a way to capture work as CUDA graphs that share their memory, as they run one after another."""
    pool: Any = torch.cuda.graph_pool_handle()

    def capture(work: Callable[[], None]) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool):
            work()
        return graph.replay

    return capture


class StepGraphs:
    """Steps of one training by their form: family of augmentation, rows, full images among them, samples.

    `work` computes a step whole and leaves all that changes in tensors that stay where they are, `state()`; it may not
    wait for the device. `log` is told why steps are not captured any more, after which all run eagerly. `kind`: what
    decides which operations a step has, besides the network's own; of each kind a process checks one step.
    """

    def __init__(
        self,
        work: Callable[[Step], None],
        state: Callable[[], Sequence[Tensor]],
        capture: Capture,
        log: Callable[[str], None],
        kind: Hashable,
    ) -> None:
        self._work, self._state, self._capture, self._log = work, state, capture, log
        self._kind = kind
        self._seen: Counter[tuple[object, ...]] = Counter()
        self._captured: dict[tuple[object, ...], tuple[Step, Callable[[], None]]] = {}
        self._usable = True

    def run(self, step: Step) -> bool:
        """Compute a step by a graph; False when it is to be computed eagerly."""
        form = (step.augmentation.family, len(step.image), step.full, step.samples)
        if form not in self._captured and not self._make(form, step):
            return False
        static, replay = self._captured[form]
        for kept, drawn in zip(static.tensors, step.tensors, strict=True):
            kept.copy_(drawn)
        replay()
        return True

    def _make(self, form: tuple[object, ...], step: Step) -> bool:
        self._seen[form] += 1
        if not self._usable or self._seen[form] <= EAGER_FIRST or len(self._captured) >= MOST_GRAPHS:
            return False
        static = step.with_tensors(tensor.clone() for tensor in step.tensors)
        try:
            replay = self._capture(lambda: self._work(static))
            trouble = self._difference(static, replay)
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
        if trouble is not None:
            self._usable = False
            self._captured.clear()
            gc.collect()  # what a failed capture has left would keep its memory
            self._log(f"going on without CUDA graphs: {trouble}")
            return False
        self._captured[form] = static, replay
        return True

    def _difference(self, step: Step, replay: Callable[[], None]) -> str | None:
        """Tell how a captured step differs from the same step run eagerly."""
        if self._kind in _checked:
            return None
        device = step.image.device
        state, dropout = self._state(), DropoutState.now(device)
        before = [tensor.clone() for tensor in state]

        def update_of(work: Callable[[], None]) -> list[Tensor]:
            work()
            update = [tensor - was for tensor, was in zip(state, before, strict=True)]
            torch._foreach_copy_(list(state), before)
            dropout.restore(device)
            return update

        eager, captured = update_of(lambda: self._work(step)), update_of(replay)
        # Tensor by tensor: beside a count of steps that goes on by one, all weights together are next to nothing.
        shares = [_share(one, other) for one, other in zip(eager, captured, strict=True) if one.ndim > 1]
        share = torch.stack(shares).max().item()
        if not share <= TOLERANCE:
            return f"the update of a captured step differs from that of the same step by {share:.2g} of its norm"
        _checked.add(self._kind)
        return None


def _share(one: Tensor, other: Tensor) -> Tensor:
    """How far two tensors are apart, as a part of the norm of the first; 0 for two of zeros."""
    apart = (one - other).norm()
    return torch.where(apart == 0, 0.0, apart / one.norm())
