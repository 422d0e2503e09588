"""Free loopback ports that stay free until the server that is to have them has started."""

import random
import socket
from contextlib import ExitStack

PORT_RANGE = range(10_000, 22_000)
"""Below Linux's range for outgoing connections (32768 up), so that no client socket takes one in the meantime.

SeaweedFS dials its admin port + 10000, which must lie below that range too.
"""


def free_ports(count: int) -> list[int]:
    """`count` different loopback ports nobody listens on.

    Raises:
        OSError: fewer than `count` are free.
    """
    found: list[int] = []
    with ExitStack() as held:
        for port in random.sample(PORT_RANGE, len(PORT_RANGE)):
            if len(found) == count:
                return found
            listener = held.enter_context(socket.socket())
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    raise OSError(f"{count} free loopback ports wanted, {len(found)} found in {PORT_RANGE}")


def is_free(port: int) -> bool:
    """Whether nobody listens on the loopback `port`."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
