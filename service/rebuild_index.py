"""`python -m service.rebuild_index`: put back into Redis what it has lost, with the settings of the environment."""

import sys
from contextlib import closing

from service.core.clients import open_core
from service.core.foundation.errors import OUTAGES, ServiceError
from service.core.foundation.settings import settings_of_environment
from service.core.resources import api_keys
from service.core.upkeep.rebuild_index import rebuild_index


def main() -> int:
    """Rebuild and print what was restored; 1 when a server does not answer or another process is at it."""
    with closing(open_core(settings_of_environment())) as core:
        try:
            keys, webhooks = api_keys.restore(core), core.hooks.restore()
            restored = rebuild_index(core)
        except (ServiceError, *OUTAGES) as error:
            print(error, file=sys.stderr)
            return 1
    print(
        f"restored {restored.datasets} datasets, {restored.labelers} labelers, {restored.finished_jobs} finished jobs; "
        f"queued {restored.unfinished_jobs} unfinished jobs again; restored {keys} API keys, "
        f"{webhooks} webhooks"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
