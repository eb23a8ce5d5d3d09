"""What is done to a connection to the broker before it is relied on."""

from __future__ import annotations

from typing import Any

from kombu import Connection

from clinic.messaging import tls  # noqa: F401 - from here on, every amqps:// connection is verified

#: Room for some twenty of our messages with their frames; what is read is copied at each step.
_READ_AHEAD_BYTES = 8192


def connect_once(connection: Connection) -> None:
    """Try each of the brokers that the connection knows once. Raises: what the last one said."""
    last = max(len(connection.alt) - 1, 0)
    connection.ensure_connection(max_retries=last, interval_start=0, interval_step=0)


def set_socket_timeout(connection: Connection, seconds: float) -> None:
    """Let no read or write on an open connection wait longer: a broker may freeze at any point.

    The options of kombu and py-amqp for that have no effect on the sockets of eventlet.
    """
    connection.connection.transport.sock.settimeout(seconds)


def enable_read_buffering(connection: Connection) -> None:
    """Take from the socket what is there, once for many frames.

    py-amqp keeps what it reads too much of, but asks for no more than it needs: three times for
    each frame, of which a message has three.
    """
    transport = connection.connection.transport
    receive = transport._quick_recv

    def receive_more(size: int) -> Any:
        return receive(max(size, _READ_AHEAD_BYTES))

    transport._quick_recv = receive_more
