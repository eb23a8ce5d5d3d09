"""A short-lived connection to the broker, with a deadline."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from amqp.exceptions import AMQPError
from kombu import Connection
from kombu.exceptions import OperationalError

from clinic.errors import BrokerUnavailable
from clinic.messaging.connection import connect_once, set_socket_timeout
from clinic.messaging.frame_checks import TRANSPORT_OPTIONS

#: For a page: the gateway responds within three seconds.
SESSION_TIMEOUT_SECONDS = 2.5
#: The connect timeout for each broker node.
CONNECT_SECONDS = 5
#: The timeout of one request to the broker.
ANSWER_SECONDS = 10
#: The timeout of the close handshake; fetched messages are requeued either way.
_CLOSE_SECONDS = 0.5

_BROKER_ERRORS = (AMQPError, OperationalError, OSError)


class BrokerSession:
    """One connection, used until its first error or its deadline."""

    def __init__(self, connection: Connection, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    @property
    def seconds_left(self) -> float:
        return self._deadline - time.monotonic()

    @contextmanager
    def deadline(self) -> Iterator[Connection]:
        """Bound each request in the block by the deadline. Raises: BrokerUnavailable."""
        with _broker_errors():
            if self.seconds_left <= 0:
                raise TimeoutError("the session has timed out")
            set_socket_timeout(self._connection, min(ANSWER_SECONDS, self.seconds_left))
            yield self._connection


@contextmanager
def broker_session(amqp_uri: str, seconds: float = math.inf) -> Iterator[BrokerSession]:
    """Connect for at most `seconds`. On exit, unacknowledged messages are requeued.

    Raises: BrokerUnavailable.
    """
    deadline = time.monotonic() + seconds
    # A third: two unusable cluster nodes may come before a usable one.
    connection = Connection(
        amqp_uri,
        connect_timeout=min(CONNECT_SECONDS, seconds / 3),
        transport_options=TRANSPORT_OPTIONS,
    )
    try:
        with _broker_errors():
            connect_once(connection)
        yield BrokerSession(connection, deadline)
        with suppress(*_BROKER_ERRORS):
            set_socket_timeout(connection, _CLOSE_SECONDS)
            connection.release()  # otherwise the broker requeues only when it notices
    finally:
        connection.collect()


@contextmanager
def _broker_errors() -> Iterator[None]:
    try:
        yield
    except _BROKER_ERRORS as error:
        raise BrokerUnavailable(f"{type(error).__name__} from the broker") from error
