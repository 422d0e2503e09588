"""The memory that a process may still take."""

import os

import pytest
import torch

from workers.ladd.engine.memory import free_bytes


@pytest.mark.parametrize(
    ("free", "sharers", "expected"),
    [
        # Of 80 bytes, 10 are this process's, 3 of them cached.
        (70, 1, 73),
        # Whoever comes first takes no more than its part; whoever comes later, what is there.
        (70, 2, 40),
        (25, 2, 28),
    ],
)
def test_a_task_takes_its_part_of_a_shared_card(
    monkeypatch: pytest.MonkeyPatch, free: int, sharers: int, expected: int
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 10)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 7)
    assert free_bytes(torch.device("cuda"), sharers) == expected


def test_a_machine_tells_what_it_has_available() -> None:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    assert 0 < free_bytes(torch.device("cpu")) < pages * size
