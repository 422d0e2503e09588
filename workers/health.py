"""`python -m workers.health`: exit status 0 when the worker on this host with these settings is well."""

import sys
from contextlib import closing

from redis.exceptions import RedisError

from service.core.clients import open_core
from service.core.foundation.settings import settings_of_environment
from workers.supervisor.heartbeat import ailment


def main() -> int:
    """Print what is wrong, if anything is."""
    with closing(open_core(settings_of_environment())) as core:
        try:
            wrong = ailment(core)
        except RedisError as error:
            wrong = f"Redis does not answer: {error}"
    print(wrong or "ok")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
