"""Ports for servers that are local to this machine."""

from __future__ import annotations

import errno
import os
import random
import socket
from pathlib import Path

# Below Linux's ephemeral ports: a client that keeps trying to reach a restarting server could
# otherwise get that very port for its own side, and connect to itself.
LOCAL_PORTS = range(20_000, 32_768)

#: One share of the ports suffices for a test run.
_SHARES = 32

_given_out: set[int] = set()
_reserved: set[int] = set()


def reserve(port: int) -> None:
    """Reserve an unused port, so that no other server gets it."""
    _reserved.add(port)


def free_port() -> int:
    """Return a free port, a different one on each call.

    Another process may search before this port is in use, so each process prefers its own share.
    """
    not_free = _given_out | _reserved
    candidates = [port for port in LOCAL_PORTS if port not in not_free]
    share = os.getpid() % _SHARES
    candidates.sort(key=lambda port: (port % _SHARES != share, random.random()))
    port = next(port for port in candidates if not is_taken(port))
    _given_out.add(port)
    return port


def is_taken(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a port is in use. Raises: OSError if we may not use the address or port."""
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
    """Return the port in a file while it is free; else store and return a new one."""
    try:
        port = int(file.read_text())
    except (FileNotFoundError, ValueError):
        port = 0
    if port not in LOCAL_PORTS or port in _reserved or is_taken(port):
        port = free_port()
        file.write_text(f"{port}\n")
    return port
