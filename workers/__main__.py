"""`python -m workers`: take tasks until SIGTERM or SIGINT; then stop the runners and give their tasks back."""

import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

from celery import signals
from redis.exceptions import RedisError

from service.core.clients import open_core
from service.core.foundation.redaction import TALKATIVE, RedactingFormatter
from service.core.foundation.settings import settings_of_environment
from service.core.queue import workers
from service.core.upkeep.deliverer import deliverer_threads
from service.core.upkeep.reaper import run_reaper
from workers.supervisor.celery_app import create_app
from workers.supervisor.devices import UnusableDeviceError
from workers.supervisor.fitness import Fitness
from workers.supervisor.heartbeat import Heartbeat, forget_predecessors, heartbeat_step, worker_name
from workers.supervisor.input_cache import InputCache
from workers.supervisor.intake import Intake
from workers.supervisor.io_step import io_step
from workers.supervisor.scratch import remove_abandoned
from workers.supervisor.slots import IO, slots_by_queue
from workers.supervisor.wake import Answering, register_wake

CELERYS_OWN = ("celery.app.trace", "celery.worker.strategy")
"""Loggers that tell of messages by ids of their own; the supervisor tells of jobs and tasks."""


def main() -> None:
    """Run a worker with the settings of the environment."""
    settings = settings_of_environment()
    _log_to_stderr(settings.log_level)
    shutting_down = threading.Event()

    @signals.worker_shutting_down.connect(weak=False)
    def stop(**_: object) -> None:
        shutting_down.set()

    with closing(open_core(settings)) as core, ThreadPoolExecutor(1, IO) as io_thread:
        remove_abandoned(settings.data_dir / "scratch")
        forget_predecessors(core)
        try:
            slots = slots_by_queue(settings)
        except UnusableDeviceError as error:
            sys.exit(f"no worker is started: {error}")
        machine, worker = next(iter(slots.values())), worker_name()
        cache = InputCache(core.storage, settings.data_dir / "cache")
        places = [slot for its in dict.fromkeys(slots.values()) for slot in its.all]
        fitness = Fitness(settings, places, cache, shutting_down)
        app = create_app(settings)
        intake = Intake(core.storage)
        answer = Answering(core, worker, slots, cache, fitness, intake, shutting_down)
        register_wake(app, answer)
        if slots.get(IO, machine) is not machine:
            app.steps["consumer"].add(io_step(answer, io_thread))
        heartbeat = Heartbeat(core, worker, slots, fitness, intake)
        fitness.changed = heartbeat.beat
        app.steps["consumer"].add(heartbeat_step(heartbeat))
        threads = [
            threading.Thread(target=run_reaper, args=(core, shutting_down), name="reaper"),
            *deliverer_threads(core, shutting_down),
            threading.Thread(target=fitness.keep, name="fitness"),
            threading.Thread(target=intake.watch, args=(shutting_down,), name="intake"),
        ]
        for thread in threads:
            thread.start()
        try:
            app.worker_main(
                [
                    "worker",
                    f"--hostname={worker}",
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
            for thread in threads:
                thread.join()
            with suppress(RedisError):
                workers.leave(core.redis, worker)


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    for name, least in TALKATIVE.items():
        logging.getLogger(name).setLevel(least)
    for name in CELERYS_OWN:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


if __name__ == "__main__":
    main()
