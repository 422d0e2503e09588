"""Where a task runs: one slot or more per GPU, one per CPU core where there is none; and one for what takes seconds."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Literal

from api_schemas.runner import TaskType
from service.core.foundation.settings import Settings
from service.core.kinds.task_types import TASKS
from workers.supervisor.devices import memory_bytes, visible_gpus
from workers.supervisor.gains import Gains
from workers.supervisor.gpu_room import GpuRoom, slots_of_memory
from workers.supervisor.gpu_seats import Neighbours, Seat

logger = logging.getLogger(__name__)

IO = "io"
"""The queue of what takes seconds and is waited for: small uploads and reports."""


@dataclass(frozen=True)
class Slot:
    """Room for one task. `gpu` is what CUDA_VISIBLE_DEVICES is to say (index or UUID), None for a CPU slot."""

    gpu: str | None
    slots: int
    """How many slots share the CPU cores, this one included."""
    sharers: int = 1
    """How many slots share the GPU, this one included."""
    room: GpuRoom | None = field(default=None, compare=False)
    """The memory of a GPU that it shares with other slots; None where it has its GPU for itself, or it is not known."""
    seat: Seat | None = field(default=None, compare=False)
    """Its own, where as many share a GPU as are worth it; None where as many as somebody said."""

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
        self.all = slots
        self.count = len(slots)
        self.device = slots[0].device
        """Kind of the device of all of them: `cpu` or `cuda`."""
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
    count = settings.worker_slots or _slots_on(gpus, settings.worker_gpu_slots) or cpu_cores()
    sharers = -(-count // len(gpus)) if gpus else 1
    rooms = {gpu: _room(gpu, sharers) for gpu in gpus} if sharers > 1 else {}
    measured = settings.worker_slots is None and settings.worker_gpu_slots == "auto"
    beside = {gpu: Neighbours(gpu, Gains(sharers)) for gpu in rooms if measured}
    named = [gpus[index % len(gpus)] if gpus else None for index in range(count)]
    return [
        Slot(gpu, count, sharers, rooms.get(gpu or ""), Seat(beside[gpu]) if gpu in beside else None) for gpu in named
    ]


def _slots_on(gpus: list[str], each: int | Literal["auto"]) -> int:
    if isinstance(each, int):
        return len(gpus) * each
    return len(gpus) * min((slots_of_memory(memory_bytes(gpu) or 0) for gpu in gpus), default=0)


def _room(gpu: str, sharers: int) -> GpuRoom | None:
    """None where nobody tells how much memory there is: its slots are trusted."""
    total = memory_bytes(gpu)
    return None if total is None else GpuRoom(total, sharers)


def slots_by_queue(settings: Settings) -> dict[str, Slots]:
    """The slots of each queue, `io` last: all others share those of the machine, `io` has one of its own.

    A worker that takes `io` alone runs it in the slots of the machine.
    """
    queues, machine = queues_of(settings), Slots(slots_of(settings))
    own = {IO: Slots([Slot(gpu=None, slots=1)])} if IO in queues and len(queues) > 1 else {}
    return dict.fromkeys([queue for queue in queues if queue not in own], machine) | own


def queues_of(settings: Settings) -> list[str]:
    """Names of the queues this worker takes tasks from; with `cpu` it takes `io`, whose tasks were there before."""
    named = [name.strip() for name in settings.worker_queues.split(",") if name.strip()]
    return [*named, IO] if "cpu" in named and IO not in named else named


def cpu_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
