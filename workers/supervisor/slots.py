"""Where a task runs: one slot per GPU, or per CPU core where there is none."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue

from api_schemas.runner import TaskType
from service.core.foundation.settings import Settings
from service.core.kinds.task_types import TASKS
from workers.supervisor.devices import visible_gpus

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Slot:
    """Room for one task. `gpu` is what CUDA_VISIBLE_DEVICES is to say (index or UUID), None for a CPU slot."""

    gpu: str | None
    slots: int
    """How many slots share the CPU cores, this one included."""

    @property
    def device(self) -> str:
        """`cuda` or `cpu`."""
        return "cpu" if self.gpu is None else "cuda"

    def threads(self, type: TaskType) -> int:
        """CPU threads for a task of this type.

        Where tasks come in crowds, one process per core with one thread each beats threads in one process.
        Everything else on a CPU stands alone in its job, so it gets every core; GPU slots share the cores.
        """
        cores = cpu_cores()
        if self.gpu is not None:
            return max(1, cores // self.slots)
        return 1 if TASKS[type].in_crowds and self.slots > 1 else cores


class Slots:
    """The slots of this worker, handed out one task each."""

    def __init__(self, slots: list[Slot]) -> None:
        self.count = len(slots)
        self._free: SimpleQueue[Slot] = SimpleQueue()
        for slot in slots:
            self._free.put(slot)

    @property
    def free(self) -> int:
        """How many tasks could start now."""
        return self._free.qsize()

    @contextmanager
    def taken(self) -> Iterator[Slot]:
        """Hold a slot, waiting for one if need be."""
        slot = self._free.get()
        try:
            yield slot
        finally:
            self._free.put(slot)


def slots_of(settings: Settings) -> list[Slot]:
    """The slots these settings ask for on this machine.

    A worker without the `gpu` queue leaves the GPUs alone, unless it is told to compute on them. Raises
    UnusableDeviceError.
    """
    wanted = settings.worker_device == "cuda" or (settings.worker_device == "auto" and "gpu" in queues_of(settings))
    gpus = visible_gpus(required=settings.worker_device == "cuda") if wanted else []
    logger.info("computing on %s", f"GPUs {', '.join(gpus)}" if gpus else "the CPU")
    count = settings.worker_slots or len(gpus) or cpu_cores()
    return [Slot(gpu=gpus[index % len(gpus)] if gpus else None, slots=count) for index in range(count)]


def queues_of(settings: Settings) -> list[str]:
    """Names of the queues this worker takes tasks from."""
    return [name.strip() for name in settings.worker_queues.split(",") if name.strip()]


def cpu_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
