"""`python -m workers`: take tasks until SIGTERM or SIGINT; then stop the runners and give their tasks back."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from celery import signals

from service.core.clients import open_core
from service.core.foundation.redaction import TALKATIVE, RedactingFormatter
from service.core.foundation.settings import Settings
from service.core.upkeep.reaper import run_reaper
from workers.supervisor.celery_app import create_app
from workers.supervisor.heartbeat import Heartbeat, heartbeat_step
from workers.supervisor.input_cache import InputCache
from workers.supervisor.io_step import io_step
from workers.supervisor.scratch import remove_abandoned
from workers.supervisor.slots import IO, slots_by_queue
from workers.supervisor.wake import answer_to, register_wake


def main() -> None:
    """Run a worker with the settings of the environment."""
    settings = Settings()
    _log_to_stderr(settings.log_level)
    shutting_down = threading.Event()

    @signals.worker_shutting_down.connect(weak=False)
    def stop(**_: object) -> None:
        shutting_down.set()

    with closing(open_core(settings)) as core, ThreadPoolExecutor(1, IO) as io_thread:
        remove_abandoned(settings.data_dir / "scratch")
        slots = slots_by_queue(settings)
        machine = next(iter(slots.values()))
        app = create_app(settings)
        answer = answer_to(core, slots, InputCache(core.storage, settings.data_dir / "cache"), shutting_down)
        register_wake(app, answer)
        if slots.get(IO, machine) is not machine:
            app.steps["consumer"].add(io_step(answer, io_thread))
        app.steps["consumer"].add(heartbeat_step(Heartbeat(core, slots)))
        reaper = threading.Thread(target=run_reaper, args=(core, shutting_down), name="reaper")
        reaper.start()
        try:
            app.worker_main(
                [
                    "worker",
                    "--pool=threads",
                    f"--concurrency={machine.count}",
                    f"--queues={','.join(queue for queue, its in slots.items() if its is machine)}",
                    f"--loglevel={settings.log_level}",
                    "--without-gossip",
                    "--without-mingle",
                    "--without-heartbeat",
                ]
            )
        finally:
            shutting_down.set()
            reaper.join()


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)


if __name__ == "__main__":
    main()
