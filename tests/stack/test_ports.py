"""Free ports are free, different, and out of the way of outgoing connections."""

import socket

import pytest

from stack.ports import PORT_RANGE, free_ports, is_free


def test_ports_are_different_and_free() -> None:
    ports = free_ports(12)
    assert len(set(ports)) == 12
    assert all(port in PORT_RANGE and is_free(port) for port in ports)


def test_a_port_somebody_listens_on_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        assert not is_free(port)
        monkeypatch.setattr("stack.ports.PORT_RANGE", range(port, port + 1))
        with pytest.raises(OSError, match="1 free loopback ports wanted, 0 found"):
            free_ports(1)
