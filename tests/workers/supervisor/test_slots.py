"""Slots: one per GPU, or per core; each task in one at a time."""

import pytest

from api_schemas.runner import TaskType
from service.core.foundation.settings import Settings
from workers.supervisor import slots as slots_module
from workers.supervisor.devices import UnusableDeviceError
from workers.supervisor.slots import Slot, Slots, cpu_cores, queues_of, slots_by_queue, slots_of


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "cpu_cores", lambda: 8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_a_slot_per_core_without_gpus() -> None:
    assert slots_of(Settings()) == [Slot(gpu=None, slots=8)] * 8


def test_a_slot_per_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0, GPU-5f")
    assert slots_of(Settings()) == [Slot(gpu="0", slots=2), Slot(gpu="GPU-5f", slots=2)]
    assert slots_of(Settings())[1].device == "cuda"


def test_more_slots_than_gpus_share_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    slots = slots_of(Settings(worker_slots=3))
    assert [slot.gpu for slot in slots] == ["0", "1", "0"]
    # GPU 1 has one slot, but no task knows on which it will be.
    assert {slot.sharers for slot in slots} == {2}


def test_a_gpu_may_have_several_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    slots = slots_of(Settings(worker_gpu_slots=2))
    assert slots == [Slot(gpu, slots=4, sharers=2) for gpu in ("0", "1", "0", "1")]


def test_auto_slots_are_those_that_the_smallest_gpu_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    memory: dict[str, int | None] = {"0": 80 << 30, "1": 40 << 30}
    monkeypatch.setattr(slots_module, "memory_bytes", memory.get)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    slots = slots_of(Settings.model_validate({"worker_gpu_slots": "auto"}))
    assert [slot.gpu for slot in slots] == ["0", "1", "0", "1"]
    assert slots[0].room is slots[2].room is not slots[1].room
    assert slots[0].seat is not slots[2].seat is not None
    memory["1"] = None
    assert [slot.room for slot in slots_of(Settings.model_validate({"worker_gpu_slots": "auto"}))] == [None, None]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert len(slots_of(Settings.model_validate({"worker_gpu_slots": "auto"}))) == 8


@pytest.mark.parametrize("changes", [{"worker_gpu_slots": 2}, {"worker_gpu_slots": "auto", "worker_slots": 2}])
def test_as_many_as_somebody_said_are_not_judged(monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]) -> None:
    monkeypatch.setattr(slots_module, "memory_bytes", lambda gpu: 80 << 30)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    slots = slots_of(Settings.model_validate(changes))
    assert [(slot.room is None, slot.seat) for slot in slots] == [(False, None)] * 2


def test_the_sum_of_slots_comes_before_those_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert len(slots_of(Settings(worker_slots=3, worker_gpu_slots=2))) == 3


def test_a_worker_for_the_cpu_queue_leaves_gpus_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    settings = Settings(worker_queues=" cpu , ", worker_slots=1)
    assert queues_of(settings) == ["cpu", "io"]
    assert slots_of(settings) == [Slot(gpu=None, slots=1)]


def test_a_worker_that_is_told_so_computes_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert slots_of(Settings(worker_device="cpu")) == [Slot(gpu=None, slots=8)] * 8


def test_a_worker_that_is_told_so_computes_on_gpus_whatever_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnusableDeviceError, match="LADD_WORKER_DEVICE is cuda, but CUDA_VISIBLE_DEVICES is ''"):
        slots_of(Settings(worker_device="cuda", worker_queues="cpu"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert [slot.gpu for slot in slots_of(Settings(worker_device="cuda", worker_queues="cpu"))] == ["0", "1"]


def test_threads() -> None:
    alone, crowd, gpu = Slot(gpu=None, slots=1), Slot(gpu=None, slots=8), Slot(gpu="0", slots=4)
    assert [alone.threads(TaskType.EVALUATE), crowd.threads(TaskType.EVALUATE)] == [8, 1]
    assert crowd.threads(TaskType.TRAIN_LABELER) == 8
    assert gpu.threads(TaskType.EVALUATE) == 2


def test_cores_are_at_least_one() -> None:
    assert cpu_cores() >= 1


def test_a_slot_is_taken_once() -> None:
    slots = Slots([Slot(gpu="0", slots=2), Slot(gpu="1", slots=2)])
    with slots.taken() as first, slots.taken() as second:
        assert {first.gpu, second.gpu} == {"0", "1"}
        assert slots.free == 0
    assert slots.free == slots.count == 2


@pytest.mark.parametrize(
    ("named", "queues"),
    [("cpu,gpu", ["cpu", "gpu", "io"]), ("io,cpu", ["cpu", "io"]), ("gpu", ["gpu"]), ("io", ["io"])],
)
def test_io_has_a_slot_of_its_own_beside_the_others(named: str, queues: list[str]) -> None:
    slots = slots_by_queue(Settings(worker_queues=named, worker_slots=2))
    assert list(slots) == queues
    own = {queue: its.count for queue, its in slots.items() if its is not slots[queues[0]]}
    assert own == ({"io": 1} if queues[1:] and "io" in queues else {})
    assert slots[queues[0]].count == 2
