"""Calls of another service's RPC methods, each with a deadline.

nameko's standalone proxy serves one thread, waits without a deadline, sends again by itself and
leaves a queue behind. So its protocol is spoken here, over connections of our own.
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
from clinic.rpc.rpc_reply import read_reply, said

#: How long a request that needs an answer of the service may take in all; it has to come in 3 s.
ANSWER_SECONDS = 2.7
#: Calls in flight at once. With the service away they would hold all threads of the server.
LIMIT = 32
#: How long a call waits for one of those to end; not at all when one has just failed.
LINE_SECONDS = 1.5
#: How long each node of the broker may take to let us in.
CONNECT_SECONDS = 0.8
#: A connection that was idle for longer may have been forgotten by a firewall on the way.
IDLE_SECONDS = 60

_BROKER_ERRORS = (AMQPError, OperationalError, OSError)
_EXCHANGE = Exchange("nameko-rpc", "topic", durable=True)


def deadline() -> float:
    """Return until when a request that comes now must be answered, on the monotonic clock."""
    return time.monotonic() + ANSWER_SECONDS


class RpcPool:
    """Calls one service. Safe to share between threads or greenthreads. Opens connections when they
    are needed, each for one call at a time and `limit` at most, and trusts none that saw an error.
    """

    def __init__(
        self, amqp_uri: str, service: str = BOOKING_SERVICE, *, limit: int | None = None
    ) -> None:
        self._amqp_uri = amqp_uri
        self._service = service
        self._idle: list[_Line] = []
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(LIMIT if limit is None else limit)
        self._failures = 0
        self._failed_at = -ANSWER_SECONDS

    def call(self, method: str, *, until: float, **arguments: Any) -> Any:
        """Return what the method returns. It is sent once, and not run after its time is over.

        Raises: the error that the method raised, if it is one of ours; ServiceUnavailable when
        there is no answer, or the service itself lacks what it needs.
        """
        has_failed = time.monotonic() - self._failed_at < ANSWER_SECONDS
        if not self._room.acquire(timeout=0 if has_failed else LINE_SECONDS):
            raise ServiceUnavailable("too many calls are waiting")
        try:
            with self._line(until) as line:
                reply = line.call(method, arguments, until)
        except _BROKER_ERRORS as error:
            self._failures += 1
            self._failed_at = time.monotonic()
            raise ServiceUnavailable(f"{type(error).__name__} from the broker") from error
        finally:
            self._room.release()
        return read_reply(reply, said(self._service))

    def close(self) -> None:
        """Close what is idle; a call in flight keeps its connection."""
        with self._lock:
            lines, self._idle = self._idle, []
        for line in lines:
            line.close()

    @contextmanager
    def _line(self, until: float) -> Iterator[_Line]:
        line = self._take() or _Line(self._connection(), self._service, until)
        try:
            yield line
        except BaseException:
            line.close()  # a late reply may still come, or half a frame
            raise
        line.idle_since = time.monotonic()
        with self._lock:
            self._idle.append(line)

    def _take(self) -> _Line | None:
        """Take the line that was used last, if it has not died meanwhile."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                line = self._idle.pop()
            if line.is_alive():
                return line
            line.close()

    def _connection(self) -> Connection:
        """Begin with the node after the one that failed: it may let us in and be of no use."""
        connection = Connection(
            self._amqp_uri, connect_timeout=CONNECT_SECONDS, transport_options=TRANSPORT_OPTIONS
        )
        for _ in range(self._failures % max(len(connection.alt), 1)):
            connection.maybe_switch_next()
        return connection


class _Line:
    """A connection with a queue for replies, which goes with it."""

    def __init__(self, connection: Connection, service: str, until: float) -> None:
        self._connection = connection
        self._service = service
        self._key = str(uuid.uuid4())
        self._call_id = ""
        self._reply: bytes | None = None
        self.idle_since = time.monotonic()
        try:
            connect_once(connection)
            self._bound(until)
            self._listen()
        except BaseException:
            self.close()
            raise

    def is_alive(self) -> bool:
        """Whether it is as it was left: nothing has come, not even the end."""
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
        """Raises: ServiceUnavailable when nobody is there to answer, and broker errors."""
        self._require_a_service(until)
        self._call_id, self._reply = str(uuid.uuid4()), None
        self._send(method, arguments, until)
        while self._reply is None:
            self._connection.drain_events(timeout=_remaining(until))
        return self._reply

    def close(self) -> None:
        """Drop the socket without a farewell, which would wait on a broker that is frozen."""
        self._connection.collect()

    def _listen(self) -> None:
        channel = self._connection.default_channel
        channel.auto_decode = False
        replies = Queue("", _EXCHANGE, self._key, exclusive=True, durable=False, auto_delete=True)
        Consumer(channel, [replies], no_ack=True, on_message=self._note).consume()
        self._producer = Producer(channel, _EXCHANGE, auto_declare=False)

    def _note(self, message: Message) -> None:
        """Keep the answer that is waited for, and nothing else that somebody sends here."""
        if message.properties.get("correlation_id") == self._call_id:
            self._reply = raw_body(message)

    def _require_a_service(self, until: float) -> None:
        """Ask who consumes: what is sent to nobody would wait, and be forgotten by its sender."""
        self._bound(until)
        queue = self._connection.default_channel.queue_declare(f"rpc-{self._service}", passive=True)
        if not queue.consumer_count:
            raise ServiceUnavailable(f"no {said(self._service)} is running")

    def _send(self, method: str, arguments: dict[str, Any], until: float) -> None:
        self._bound(until)
        self._producer.publish(
            strict_json.dumps({"args": [], "kwargs": arguments}),
            routing_key=f"{self._service}.{method}",
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode="transient",
            # The broker drops it then: a patient who was told 503 is not cancelled an hour later.
            expiration=_remaining(until),
            reply_to=self._key,
            correlation_id=self._call_id,
            headers={REQUEST_ID_HEADER: request_id.get()},
        )

    def _bound(self, until: float) -> None:
        set_socket_timeout(self._connection, _remaining(until))


def _remaining(until: float) -> float:
    """Raises: TimeoutError when the time is over."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("no answer in time")
    return seconds
