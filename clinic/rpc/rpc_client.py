"""Calls RPC methods of another service, each with a deadline.

nameko's standalone proxy serves one thread, waits without a deadline, resends by itself and leaves
a queue behind. This client therefore implements nameko's protocol on its own connections.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amqp.exceptions import AMQPError
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.exceptions import OperationalError
from kombu.message import Message

from clinic.contracts import strict_json
from clinic.errors import ServiceUnavailable
from clinic.messaging.connection import connect_once, set_socket_timeout
from clinic.messaging.frame_checks import TRANSPORT_OPTIONS
from clinic.messaging.headers import REQUEST_ID_HEADER
from clinic.messaging.received_message import raw_body
from clinic.messaging.topology import BOOKING_SERVICE
from clinic.observability.logs import request_id
from clinic.rpc.rpc_reply import display_name, read_reply

#: The total time for an HTTP request that calls the service; the gateway responds within 3 s.
ANSWER_SECONDS = 2.7
#: Concurrent calls. Without a limit, an unavailable service would block all threads of a server.
LIMIT = 32
#: How long a call waits for a free place among those; not at all shortly after a failure.
ACQUIRE_SECONDS = 1.5
#: The connect timeout for each broker node.
CONNECT_SECONDS = 0.8
#: A firewall may drop a connection that was idle for longer.
IDLE_SECONDS = 60

_BROKER_ERRORS = (AMQPError, OperationalError, OSError)
_EXCHANGE = Exchange("nameko-rpc", "topic", durable=True)


def deadline() -> float:
    """Return the deadline of a request that arrives now, on the monotonic clock."""
    return time.monotonic() + ANSWER_SECONDS


class RpcPool:
    """Calls one service. Safe to share between threads or greenthreads. Opens up to `limit`
    connections on demand, each for one call at a time, and closes them after an error.
    """

    def __init__(
        self, amqp_uri: str, service: str = BOOKING_SERVICE, *, limit: int | None = None
    ) -> None:
        self._amqp_uri = amqp_uri
        self._service = service
        self._idle: list[_RpcConnection] = []
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(LIMIT if limit is None else limit)
        self._failures = 0
        self._failed_at = -ANSWER_SECONDS

    def call(self, method: str, *, until: float, **arguments: Any) -> Any:
        """Call a method once and return its result. After `until` the call is no longer executed.

        Raises: the method's ClinicError. ServiceUnavailable for no reply or a TransientError.
        RuntimeError for any other error of the method.
        """
        has_failed = time.monotonic() - self._failed_at < ANSWER_SECONDS
        if not self._slots.acquire(timeout=0 if has_failed else ACQUIRE_SECONDS):
            raise ServiceUnavailable("too many calls are waiting")
        try:
            with self._acquired_connection(until) as connection:
                reply = connection.call(method, arguments, until)
        except _BROKER_ERRORS as error:
            self._failures += 1
            self._failed_at = time.monotonic()
            raise ServiceUnavailable(f"{type(error).__name__} from the broker") from error
        finally:
            self._slots.release()
        return read_reply(reply, display_name(self._service))

    def close(self) -> None:
        """Close idle connections; a call in flight keeps its own."""
        with self._lock:
            connections, self._idle = self._idle, []
        for connection in connections:
            connection.close()

    @contextmanager
    def _acquired_connection(self, until: float) -> Iterator[_RpcConnection]:
        connection = self._take() or _RpcConnection(self._connection(), self._service, until)
        try:
            yield connection
        except BaseException:
            connection.close()  # a late reply or a partial frame may still arrive
            raise
        connection.idle_since = time.monotonic()
        with self._lock:
            self._idle.append(connection)

    def _take(self) -> _RpcConnection | None:
        """Take the most recently used connection that is still alive."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.is_alive():
                return connection
            connection.close()

    def _connection(self) -> Connection:
        """Start with the node after the failed one, which may still accept connections."""
        connection = Connection(
            self._amqp_uri, connect_timeout=CONNECT_SECONDS, transport_options=TRANSPORT_OPTIONS
        )
        for _ in range(self._failures % max(len(connection.alt), 1)):
            connection.maybe_switch_next()
        return connection


class _RpcConnection:
    """A connection with its own reply queue, which the broker deletes with the connection."""

    def __init__(self, connection: Connection, service: str, until: float) -> None:
        self._connection = connection
        self._service = service
        self._key = str(uuid.uuid4())
        self._call_id = ""
        self._reply: bytes | None = None
        self.idle_since = time.monotonic()
        try:
            connect_once(connection)
            self._set_timeout(until)
            self._listen()
        except BaseException:
            self.close()
            raise

    def is_alive(self) -> bool:
        """Return whether the idle connection is still open and has received nothing."""
        if time.monotonic() - self.idle_since > IDLE_SECONDS:
            return False
        try:
            self._connection.drain_events(timeout=0.001)
        except TimeoutError:
            return True
        except _BROKER_ERRORS:
            return False
        return False

    def call(self, method: str, arguments: dict[str, Any], until: float) -> bytes:
        """Raises: ServiceUnavailable if the service has no consumer; broker errors."""
        self._require_consumer(until)
        self._call_id, self._reply = str(uuid.uuid4()), None
        self._send(method, arguments, until)
        while self._reply is None:
            self._connection.drain_events(timeout=_remaining(until))
        return self._reply

    def close(self) -> None:
        """Close the socket without a close handshake, which would block on a frozen broker."""
        self._connection.collect()

    def _listen(self) -> None:
        channel = self._connection.default_channel
        channel.auto_decode = False
        replies = Queue("", _EXCHANGE, self._key, exclusive=True, durable=False, auto_delete=True)
        Consumer(channel, [replies], no_ack=True, on_message=self._on_reply).consume()
        self._producer = Producer(channel, _EXCHANGE, auto_declare=False)

    def _on_reply(self, message: Message) -> None:
        """Keep the reply to the current call; ignore all other messages."""
        if message.properties.get("correlation_id") == self._call_id:
            self._reply = raw_body(message)

    def _require_consumer(self, until: float) -> None:
        """Fail at once without a consumer; the call would wait in the queue until its deadline."""
        self._set_timeout(until)
        queue = self._connection.default_channel.queue_declare(f"rpc-{self._service}", passive=True)
        if not queue.consumer_count:
            raise ServiceUnavailable(f"no {display_name(self._service)} is running")

    def _send(self, method: str, arguments: dict[str, Any], until: float) -> None:
        self._set_timeout(until)
        self._producer.publish(
            strict_json.dumps({"args": [], "kwargs": arguments}),
            routing_key=f"{self._service}.{method}",
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode="transient",
            # The broker then drops it: a patient who got a 503 is not cancelled an hour later.
            expiration=_remaining(until),
            reply_to=self._key,
            correlation_id=self._call_id,
            headers={REQUEST_ID_HEADER: request_id.get()},
        )

    def _set_timeout(self, until: float) -> None:
        set_socket_timeout(self._connection, _remaining(until))


def _remaining(until: float) -> float:
    """Return the seconds until the deadline. Raises: TimeoutError if it has passed."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("no reply before the deadline")
    return seconds
