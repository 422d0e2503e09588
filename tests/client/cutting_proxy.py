"""A proxy that cuts connections."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class CuttingProxy:
    """Forwards TCP to `target`; cuts each connection once as many bytes have come back as the next of `cuts` says."""

    def __init__(self, target: str) -> None:
        split = urlsplit(target)
        self._target = (split.hostname or "", split.port or 80)
        self.cuts: list[int] = []
        self.sent: list[bytes] = []
        """The first bytes of each connection that the client sent."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # Closing alone would let the thread that waits in `accept` take one more connection.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._target) as far:
            first = near.recv(65536)
            self.sent.append(first)
            far.sendall(first)
            limit = self.cuts.pop(0) if self.cuts else None
            upwards = threading.Thread(target=self._forward, args=(near, far, None), daemon=True)
            upwards.start()
            self._forward(far, near, limit)
            upwards.join()

    def _forward(self, source: socket.socket, destination: socket.socket, limit: int | None) -> None:
        left = limit
        with contextlib.suppress(OSError):
            while left is None or left > 0:
                data = source.recv(65536 if left is None else min(65536, left))
                if not data:
                    break
                destination.sendall(data)
                left = None if left is None else left - len(data)
        for end in (source, destination):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
