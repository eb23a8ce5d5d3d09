"""Ports for servers that are local to this machine."""

from __future__ import annotations

import errno
import os
import random
import socket
from pathlib import Path

# Below the ports Linux gives to outgoing connections: a client that keeps trying to reach a
# restarting server there could otherwise be given that very port, and connect to itself.
LOCAL_PORTS = range(20_000, 32_768)

#: A share of the ports is enough for one run of the tests.
_SHARES = 32

_given_out: set[int] = set()
_reserved: set[int] = set()


def reserve(port: int) -> None:
    """Keep a port that is not in use yet from being given to another server."""
    _reserved.add(port)


def free_port() -> int:
    """A port nobody listens on; never the same one twice in the life of this process.

    Another process may look for one before anybody listens on this, so each begins with some of
    its own.
    """
    not_free = _given_out | _reserved
    candidates = [port for port in LOCAL_PORTS if port not in not_free]
    mine = os.getpid() % _SHARES
    candidates.sort(key=lambda port: (port % _SHARES != mine, random.random()))
    port = next(port for port in candidates if not is_taken(port))
    _given_out.add(port)
    return port


def is_taken(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens there. An address or a port that is not ours to use raises."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return True
    return False


def remembered_port(file: Path) -> int:
    """The port this file names, while it is free; else a new one, and the file names that."""
    try:
        port = int(file.read_text())
    except (FileNotFoundError, ValueError):
        port = 0
    if port not in LOCAL_PORTS or port in _reserved or is_taken(port):
        port = free_port()
        file.write_text(f"{port}\n")
    return port
