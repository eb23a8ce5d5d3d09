"""How connections to the broker are opened and bounded in time."""

from __future__ import annotations

from kombu import Connection

from clinic.messaging import tls  # noqa: F401 - from here on, every amqps:// connection is verified


def connect_once(connection: Connection) -> None:
    """Try each of the brokers that the connection knows once. Raises: what the last one said."""
    last = max(len(connection.alt) - 1, 0)
    connection.ensure_connection(max_retries=last, interval_start=0, interval_step=0)


def set_socket_timeout(connection: Connection, seconds: float) -> None:
    """Let no read or write on an open connection wait longer: a broker may freeze at any point.

    The options of kombu and py-amqp for that have no effect on the sockets of eventlet.
    """
    connection.connection.transport.sock.settimeout(seconds)
