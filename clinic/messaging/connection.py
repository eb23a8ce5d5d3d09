"""Opens broker connections and sets their timeouts."""

from __future__ import annotations

from kombu import Connection

from clinic.messaging import tls  # noqa: F401 - from here on, every amqps:// connection is verified


def connect_once(connection: Connection) -> None:
    """Try each broker node of the connection once. Raises: the error of the last one."""
    last = max(len(connection.alt) - 1, 0)
    connection.ensure_connection(max_retries=last, interval_start=0, interval_step=0)


def set_socket_timeout(connection: Connection, seconds: float) -> None:
    """Bound each read and write on an open connection: a broker may freeze at any point.

    The timeout options of kombu and py-amqp have no effect on eventlet's sockets.
    """
    connection.connection.transport.sock.settimeout(seconds)
