"""Consumes a work queue with nameko. Acks each message only once its outcome is safe."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import eventlet
from kombu.message import Message
from nameko.containers import WorkerContext
from nameko.events import SERVICE_POOL, EventHandler
from nameko.exceptions import ContainerBeingKilled
from nameko.messaging import Consumer

from clinic import config
from clinic.domain.clock import now, to_wire
from clinic.domain.retry_policy import ATTEMPT_HEADER, REPLAY_COUNT_HEADER, RetryPolicy
from clinic.errors import ClinicError, PoisonMessage, TransientError, UnreadableMessage, error_code
from clinic.messaging import topology
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.frame_checks import DEATHS_HEADER
from clinic.messaging.headers import (
    DEAD_LETTER_ID_HEADER,
    DEAD_LETTERED_AT_HEADER,
    ERROR_CODE_HEADER,
    ERROR_MESSAGE_HEADER,
    ORIGINAL_QUEUE_HEADER,
    POSSIBLE_DUPLICATE_HEADER,
    REQUEST_ID_HEADER,
)
from clinic.messaging.publisher import Publisher
from clinic.messaging.received_message import decode_message
from clinic.messaging.topology import WorkQueue
from clinic.nameko_extensions.queue_consumer import ExcInfo, GracefulQueueConsumer
from clinic.observability.logs import is_request_id
from clinic.observability.metrics import DEAD_LETTERS, MESSAGES_CONSUMED

logger = logging.getLogger(__name__)

_DUPLICATE_HEADERS = frozenset({ATTEMPT_HEADER, REPLAY_COUNT_HEADER, POSSIBLE_DUPLICATE_HEADER})


class Outcome(StrEnum):
    """The outcome of a message; a label of `clinic_messages_consumed_total`."""

    ACKED = "acked"
    DEFERRED = "deferred"  #: in a retry queue; this run does not count as an attempt
    RETRIED = "retried"  #: in a retry queue for its next attempt
    DEAD_LETTERED = "dead_lettered"
    REQUEUED = "requeued"  #: its outcome could not be made safe


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A received message; `argument` is None if it could not be decoded."""

    message: Message
    argument: Any = None
    attempt: int = 1


class RetryingConsumer(Consumer):
    """An entrypoint that decodes a message, runs the method, then acks, retries or dead-letters.

    `decode` converts a body to the method's argument or raises PoisonMessage. `policy` selects the
    retry policy from the settings, and `is_enabled` whether to consume at all. `on_dead_letter`
    names a method of the service, called with `(argument, code)` when a decoded message is
    dead-lettered.
    """

    queue_consumer = GracefulQueueConsumer()

    def __init__(
        self,
        work: WorkQueue,
        decode: Callable[[Mapping[str, Any]], Any],
        policy: Callable[[config.Settings], RetryPolicy],
        is_enabled: Callable[[config.Settings], bool] = lambda _settings: True,
        on_dead_letter: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.work = work
        self.decode = decode
        self.pick_policy = policy
        self.pick_is_enabled = is_enabled
        self.on_dead_letter = on_dead_letter
        Consumer.__init__(self, work.queue(), **kwargs)

    def setup(self) -> None:
        settings = config.settings(self.container.config)
        self.policy = self.pick_policy(settings)
        self.publisher = Publisher(settings.amqp_uri, topology.declarer(settings))
        self.is_enabled = self.pick_is_enabled(settings)
        if self.is_enabled:
            Consumer.setup(self)

    def stop(self) -> None:
        if self.is_enabled:
            super().stop()

    def handle_message(self, _body: None, message: Message) -> None:
        try:
            argument = self.decode(decode_message(message))
            delivery = _Delivery(message, argument, self.policy.attempt(message.headers))
        except Exception as error:  # an unexpected one must not end the process either
            self._handle_undecodable(message, error)
            return
        try:
            self.container.spawn_worker(
                self,
                (argument,),
                {},
                context_data=_context(message),
                handle_result=partial(self.handle_result, delivery),
            )
        except ContainerBeingKilled:
            self.queue_consumer.requeue_message(message)

    def handle_result(
        self,
        delivery: _Delivery,
        worker_ctx: WorkerContext,
        result: Any,
        exc_info: ExcInfo | None,
    ) -> tuple[Any, ExcInfo | None]:
        error = exc_info[1] if exc_info else None
        self._settle(delivery, self._outcome(error, delivery.attempt), error, worker_ctx.service)
        return result, exc_info

    def _handle_undecodable(self, message: Message, error: Exception) -> None:
        """Let the broker dead-letter an unreadable message unchanged, unless it has an `x-death`
        header: an invalid one crashes RabbitMQ 3.10's dead-lettering process for all queues.
        """
        if isinstance(error, UnreadableMessage) and DEATHS_HEADER not in message.headers:
            self.queue_consumer.reject_message(message, error)
        else:
            self._settle(_Delivery(message), Outcome.DEAD_LETTERED, error)

    def _outcome(self, error: BaseException | None, attempt: int) -> Outcome:
        if error is None:
            return Outcome.ACKED
        if isinstance(error, TransientError):
            return Outcome.DEFERRED
        if isinstance(error, PoisonMessage) or attempt >= self.policy.max_attempts:
            return Outcome.DEAD_LETTERED
        return Outcome.RETRIED

    def _settle(
        self,
        delivery: _Delivery,
        outcome: Outcome,
        error: BaseException | None,
        service: object = None,
    ) -> None:
        """Ack once the outcome is safe. Otherwise requeue; the queue's delivery limit bounds how
        often."""
        message = delivery.message
        try:
            self._make_safe(delivery, outcome, error, service)
        except Exception as failure:
            code = error_code(failure)
            logger.warning("message requeued", exc_info=True, extra={"code": code})
            self._count(Outcome.REQUEUED)
            eventlet.sleep(1)
            self.queue_consumer.requeue_message(message)
        else:
            self._count(outcome)
            self.queue_consumer.ack_message(message)

    def _make_safe(
        self,
        delivery: _Delivery,
        outcome: Outcome,
        error: BaseException | None,
        service: object,
    ) -> None:
        match outcome, error:
            case Outcome.DEFERRED, _:
                self._retry(delivery.message, delivery.attempt, self.policy.ttl_seconds)
            case Outcome.RETRIED, _:
                delay_seconds = self.policy.delay_seconds(delivery.attempt)
                self._retry(delivery.message, delivery.attempt + 1, delay_seconds)
            case Outcome.DEAD_LETTERED, BaseException():
                # In this order: after a redelivery, the service may treat the message as done.
                self._dead_letter(delivery.message, error)
                if self.on_dead_letter and service is not None:
                    getattr(service, self.on_dead_letter)(delivery.argument, error_code(error))

    def _retry(self, message: Message, attempt: int, delay_seconds: int) -> None:
        queue = self.work.retry_name(delay_seconds)
        self._republish(queue, message, {ATTEMPT_HEADER: attempt})

    def _dead_letter(self, message: Message, error: BaseException) -> None:
        """Copy the original bytes to the dead-letter queue, with the error as headers."""
        code = error_code(error)
        headers = {
            ERROR_CODE_HEADER: code,
            ERROR_MESSAGE_HEADER: str(error) if isinstance(error, ClinicError) else "",
            ORIGINAL_QUEUE_HEADER: self.work.name,
            DEAD_LETTERED_AT_HEADER: to_wire(now()),
            DEAD_LETTER_ID_HEADER: secrets.token_hex(6),
        }
        self._republish(self.work.dead_letter, message, headers)
        DEAD_LETTERS.labels(self.work.name, code).inc()
        logger.error("message dead-lettered to %s", self.work.dead_letter, extra={"code": code})

    def _count(self, outcome: Outcome) -> None:
        MESSAGES_CONSUMED.labels(self.work.name, outcome).inc()

    def _republish(self, queue: str, message: Message, headers: dict[str, Any]) -> None:
        self.publisher.publish_one(AmqpMessage.copy_of(message, queue, headers))


class RetryingEventHandler(RetryingConsumer, EventHandler):
    """nameko's `event_handler(source_service, event_type)`, with retries and dead letters.

    The queue has its documented name instead of nameko's. It receives events through the fanout
    exchange `booking_notifications`, which is bound to the source service's exchange.
    """

    def __init__(self, source_service: str, event_type: str, work: WorkQueue, **kwargs: Any):
        self.source_service = source_service
        self.event_type = event_type
        self.handler_type = SERVICE_POOL
        self.reliable_delivery = True
        RetryingConsumer.__init__(self, work, **kwargs)


consume_with_retry = RetryingConsumer.decorator
handle_event_with_retry = RetryingEventHandler.decorator


def _context(message: Message) -> dict[str, Any]:
    """Return the context of a worker; nameko would copy all headers and pass them on."""
    request_id = message.headers.get(REQUEST_ID_HEADER)
    return {
        "request_id": request_id if is_request_id(request_id) else "",
        "is_replay": REPLAY_COUNT_HEADER in message.headers,
        "is_repeated": _is_repeated(message),
    }


def _is_repeated(message: Message) -> bool:
    """Return whether this message, or a copy of it, may have been handled before."""
    has_header = not _DUPLICATE_HEADERS.isdisjoint(message.headers)
    return has_header or bool(message.delivery_info.get("redelivered"))
