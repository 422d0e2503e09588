"""A worker tests its device in a process like those of its tasks, and is unfit until it passes."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from api_schemas.runner import Confinement
from service.core.clients import Core
from tests.workers.supervisor.supervised import SLOT, wait_for
from workers.supervisor import disk, fitness
from workers.supervisor.confinement import FILE_BYTES, OPEN_FILES
from workers.supervisor.fitness import Fitness, Place
from workers.supervisor.input_cache import InputCache
from workers.supervisor.runner_process import RUNNER_COMMAND
from workers.supervisor.slots import Slot

HERE = Place(SLOT)
ROOT = Path(__file__).parents[3]
CONFINED = Confinement(
    memory_bytes=2 << 30, file_bytes=FILE_BYTES, cpu_seconds=600, open_files=OPEN_FILES, network=False
)
DIES = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str], tuple[str, ...]]:
    """The command of runners whose path has a library first that does what `code` says."""

    def command(library: str, code: str) -> tuple[str, ...]:
        package = tmp_path / "broken" / library
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(code)
        return ("env", f"PYTHONPATH={package.parent}:{ROOT}", *RUNNER_COMMAND)

    return command


def test_a_worker_is_unfit_until_it_has_been_tested(make_fitness: Callable[[str], Fitness]) -> None:
    worker = make_fitness("pass_self_test")
    assert worker.trouble == "the CPU is being tested"
    assert worker.test(HERE) is None
    assert worker.trouble is None


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("fail_self_test", "1 + 1 is 3 here"),
        ("die_in_self_test", "the runner ended without a result (signal 4: Illegal instruction)"),
        ("say_nothing", "the runner ended without a result (exit status 0)"),
    ],
)
def test_a_device_that_fails_makes_its_worker_unfit(
    make_fitness: Callable[[str], Fitness], script: str, why: str, core: Core
) -> None:
    worker = make_fitness(script)
    assert worker.test(HERE) == worker.trouble == f"the CPU has failed its self-test: {why}"
    assert not list(core.settings.data_dir.glob("scratch/*"))


def test_a_test_that_hangs_has_failed(make_fitness: Callable[[str], Fitness], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitness, "TEST_SECONDS", 1.0)
    assert make_fitness("stay_deaf").test(HERE) == "the CPU has failed its self-test: it has not ended in 1 s"


def test_a_test_that_is_broken_off_by_a_shutdown_says_nothing(
    make_fitness: Callable[[str], Fitness], shutting_down: threading.Event
) -> None:
    shutting_down.set()
    worker = make_fitness("stay")
    assert worker.test(HERE) is None
    assert not worker.wait()


def test_an_unfit_worker_is_tested_until_it_is_fit(
    core: Core, cache: InputCache, shutting_down: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitness, "PAUSE_SECONDS", 0.1)
    mended = tmp_path / "mended"
    done = '{"event": "done", "files": [], "result": {}}'
    script = ("sh", "-c", f"test -e {mended} && echo '{done}' || echo 'not yet' >&2", "self-test")
    worker = Fitness(core.settings, [SLOT], cache, shutting_down, script)
    keeper = threading.Thread(target=worker.keep)
    keeper.start()
    wait_for(lambda: "not yet" in str(worker.trouble))
    mended.touch()
    assert worker.wait()
    assert worker.trouble is None
    shutting_down.set()
    keeper.join()


@pytest.mark.slow
@pytest.mark.parametrize("confinement", [None, CONFINED])
def test_this_machine_passes(
    core: Core, cache: InputCache, shutting_down: threading.Event, confinement: Confinement | None
) -> None:
    assert Fitness(core.settings, [SLOT], cache, shutting_down).test(Place(SLOT, confinement)) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "code", "why", "confinement"),
    [
        ("torch", DIES, "signal 4: Illegal instruction", CONFINED),
        ("torch", "raise ImportError('libcudart.so.12: cannot open shared object file')\n", "libcudart.so.12", None),
        ("PIL", DIES, "signal 4: Illegal instruction", CONFINED),
        ("safetensors", DIES, "signal 4: Illegal instruction", None),
    ],
)
def test_a_broken_library_makes_its_worker_unfit(
    core: Core,
    cache: InputCache,
    shutting_down: threading.Event,
    broken: Callable[[str, str], tuple[str, ...]],
    library: str,
    code: str,
    why: str,
    confinement: Confinement | None,
) -> None:
    worker = Fitness(core.settings, [SLOT], cache, shutting_down, broken(library, code))
    assert why in str(worker.test(Place(SLOT, confinement)))
    assert worker.trouble is not None


@pytest.mark.slow
def test_a_gpu_that_is_listed_but_that_torch_cannot_use_makes_its_worker_unfit(
    core: Core, cache: InputCache, shutting_down: threading.Event
) -> None:
    slot = Slot(gpu="GPU-00000000-1111-2222-3333-444444444444", slots=1)
    worker = Fitness(core.settings, [slot], cache, shutting_down)
    trouble = str(worker.test(Place(slot)))
    assert trouble.startswith(f"GPU {slot.gpu} has failed its self-test: ")
    assert "CUDA" in trouble


def test_a_full_disk_makes_its_worker_unfit_until_there_is_room(
    core: Core, make_fitness: Callable[[str], Fitness], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_fitness("pass_self_test")
    worker.test(HERE)
    assert worker.trouble is None
    monkeypatch.setattr(disk, "ROOM_BYTES", 2 * shutil.disk_usage(core.settings.data_dir).total)
    monkeypatch.setattr(disk, "ROOM_SHARE", 1)
    assert f"the disk of {core.settings.data_dir} is full" in str(worker.trouble)


def test_cached_blobs_go_before_a_disk_counts_as_full(
    cache: InputCache, make_fitness: Callable[[str], Fitness], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_fitness("pass_self_test")
    worker.test(HERE)
    (tmp_path / "cache" / "blob").write_bytes(b"x")
    assert worker.trouble is None
    assert os.listdir(tmp_path / "cache") == ["blob"]
    monkeypatch.setattr(disk, "ROOM_BYTES", 2 * shutil.disk_usage(tmp_path).total)
    monkeypatch.setattr(disk, "ROOM_SHARE", 1)
    assert worker.trouble is not None
    assert os.listdir(tmp_path / "cache") == []
