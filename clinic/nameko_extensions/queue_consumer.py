"""nameko's queue consumer with a graceful shutdown: finish, acknowledge, then disconnect."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any

import eventlet
from amqp.exceptions import NotFound
from eventlet.event import Event
from kombu import Connection
from kombu import Consumer as KombuConsumer
from kombu.message import Message
from kombu.transport.base import StdChannel
from nameko.messaging import QueueConsumer, QueueConsumerStopped

from clinic import config
from clinic.errors import error_code
from clinic.messaging import topology
from clinic.messaging.connection import set_socket_timeout
from clinic.messaging.frame_checks import TRANSPORT_OPTIONS
from clinic.messaging.wire.ack_batcher import AckBatcher
from clinic.nameko_extensions.consumer_watchdog import ConsumerWatchdog

ExcInfo = tuple[type[BaseException], BaseException, TracebackType]

logger = logging.getLogger(__name__)

#: The longest pause between two connection attempts.
MAX_RECONNECT_SECONDS = 5
#: The timeout of a request on an open connection.
ANSWER_SECONDS = 10


class _Stopping(Exception):
    """The service is stopping while the broker is unavailable."""


class GracefulQueueConsumer(QueueConsumer):
    """A queue consumer that stays connected until the messages in flight are acknowledged.

    nameko's own consumer disconnects as soon as its consumers are cancelled: on SIGTERM every
    message in flight is requeued and handled twice. It also waits forever for a lost broker, even
    while stopping.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_consuming = False
        self._in_flight = AckBatcher(eventlet.spawn_n)
        self._pending_remove_providers: dict[Any, Event] = {}
        self._unregistered: dict[Any, Event] = {}
        self._watchdog = ConsumerWatchdog()
        #: The number of lost connections.
        self._broken = 0

    @property
    def _is_stopping(self) -> bool:
        return bool(self.should_stop or self._unregistered)

    def start(self) -> None:
        """Connect, unless the service has no enabled consumer."""
        if self._providers_registered:
            super().start()

    def run(self, **kwargs: Any) -> None:
        with suppress(_Stopping):
            super().run(**kwargs)
        self._stop_waiting_for_the_start()

    def stop(self) -> None:
        """Stop cleanly before the first connection, when nameko would kill the thread."""
        if not self._providers_registered:
            return
        if not self._consumers_ready.ready():
            self._stop_waiting_for_the_start()
            self.should_stop = True
        super().stop()

    def _stop_waiting_for_the_start(self) -> None:
        if not self._consumers_ready.ready():
            self._consumers_ready.send_exception(QueueConsumerStopped())

    @contextmanager
    def establish_connection(self) -> Iterator[Connection]:
        """Connect like kombu, but stop waiting for the broker when the service stops."""
        self.is_consuming = False
        self._leave_if_stopping()
        with self.create_connection() as connection:
            connection.ensure_connection(
                self.on_connection_error,
                interval_max=MAX_RECONNECT_SECONDS,
                callback=self._leave_if_stopping,
            )
            set_socket_timeout(connection, ANSWER_SECONDS)
            self._open_connection = connection
            try:
                yield connection
            except Exception:
                self._broken += 1
                connection.collect()  # a close handshake could block
                raise

    def create_connection(self) -> Connection:
        """Start with the node after the failed one, which may still accept connections."""
        connection = super().create_connection()
        connection.transport_options |= TRANSPORT_OPTIONS
        for _ in range(self._broken % max(len(connection.alt), 1)):
            connection.maybe_switch_next()
        return connection

    def on_connection_error(self, error: Exception, interval: float) -> None:
        """Log without the URI: nameko masks only the first password of a list."""
        logger.warning("Error connecting to broker (%s), trying again in %s s", error, interval)

    def _leave_if_stopping(self) -> None:
        """Stop while disconnected; the broker has requeued the messages in flight."""
        if self._is_stopping:
            self._release_pending()
            raise _Stopping

    def unregister_provider(self, provider: Any) -> None:
        """Accept a second call: a second SIGTERM waits for the first one's shutdown."""
        if provider in self._unregistered:
            self._unregistered[provider].wait()
            return
        done = self._unregistered[provider] = Event()
        super().unregister_provider(provider)
        done.send()

    def on_consume_ready(self, *args: Any, **kwargs: Any) -> None:
        self.is_consuming = True
        self._watchdog = ConsumerWatchdog()
        super().on_consume_ready(*args, **kwargs)

    def on_iteration(self) -> None:
        # kombu does this only between messages, which is too rare if they take long.
        self._open_connection.heartbeat_check()
        self._cancel_consumers_if_requested()
        if not self._consumers and not self._in_flight:
            self.should_stop = True
        if self._watchdog.is_certain(not self._in_flight, self._count_waiting):
            raise ConnectionResetError("the broker has stopped delivering")

    def _count_waiting(self) -> int:
        """Count the ready messages. Raises: ConnectionResetError if a queue is gone."""
        try:
            return sum(
                consumer.channel.queue_declare(provider.queue.name, passive=True).message_count
                for provider, consumer in self._consumers.items()
            )
        except NotFound as error:
            raise ConnectionResetError(str(error)) from None

    def _cancel_consumers_if_requested(self) -> None:
        """Cancel like nameko, but without waiting forever if the connection breaks."""
        for provider in list(self._pending_remove_providers):
            self._consumers.pop(provider).cancel()
        self._release_pending()

    def _release_pending(self) -> None:
        pending, self._pending_remove_providers = self._pending_remove_providers, {}
        for removed in pending.values():
            removed.send()

    def get_consumers(
        self, consumer_cls: type[KombuConsumer], channel: StdChannel
    ) -> list[KombuConsumer]:
        """Pass providers the undecoded message: (None, message). kombu would ack a message that
        it can't decode.

        Called on every new connection, so the topology survives a broker that lost it.
        """
        topology.declarer(config.settings(self.container.config))(channel)
        channel.auto_decode = False  # a dead letter keeps its bytes, whatever their content type
        self._in_flight.clear()  # the broker has requeued them
        consumers = super().get_consumers(consumer_cls, channel)
        for provider, consumer in self._consumers.items():
            consumer.on_message = partial(self.handle_message, provider, None)
        return list(consumers)

    def handle_message(self, provider: Any, body: Any, message: Message) -> None:
        self._watchdog.begin()
        self._in_flight.track(message)
        super().handle_message(provider, body, message)

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        """Reject a message that kombu can't decode; kombu would log and ack it."""
        self.reject_message(message, exc)

    def reject_message(self, message: Message, error: Exception) -> None:
        """Let the broker dead-letter the message unchanged."""
        logger.error("rejected an unreadable message: %s", error_code(error))
        self._settle(Message.reject, message)

    def ack_message(self, message: Message) -> None:
        self._in_flight.ack(message)

    def requeue_message(self, message: Message) -> None:
        self._settle(super().requeue_message, message)

    def _settle(self, settle: Callable[[Message], None], message: Message) -> None:
        try:
            settle(message)
        except OSError:
            # If raised, this would end the process. The broker redelivers the message.
            logger.warning("connection lost during ack, reject or requeue")
        finally:
            self._in_flight.untrack(message)
