"""What any process does now and then for all: take back lost leases and repeat lost wake-ups."""

import threading

from service.core.core import Core


def reap_once(core: Core) -> bool:
    """Look once; False when another process is looking at this moment."""
    raise NotImplementedError


def run_reaper(core: Core, stop: threading.Event) -> None:
    """Look every `reaper_seconds` until `stop` is set; an outage is logged and waited out."""
