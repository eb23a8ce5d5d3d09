"""Consumes a work queue with nameko, settling each message once its outcome is safe."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
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
from clinic.domain.retry_policy import ATTEMPT_HEADER, REDRIVEN_HEADER, RetryPolicy
from clinic.errors import ClinicError, PoisonMessage, TransientError, UnreadableMessage, error_code
from clinic.messaging import topology
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.frame_checks import DEATHS_HEADER
from clinic.messaging.headers import POSSIBLE_DUPLICATE_HEADER, REQUEST_ID_HEADER
from clinic.messaging.publisher import Publisher
from clinic.messaging.received_message import decode_message
from clinic.messaging.topology import WorkQueue
from clinic.nameko_extensions.queue_consumer import ExcInfo, GracefulQueueConsumer
from clinic.observability.logs import is_request_id
from clinic.observability.metrics import DEAD_LETTERS, MESSAGES_CONSUMED

logger = logging.getLogger(__name__)

_OF_REPEATED = frozenset({ATTEMPT_HEADER, REDRIVEN_HEADER, POSSIBLE_DUPLICATE_HEADER})


class RetryingConsumer(Consumer):
    """An entrypoint that decodes a message, runs the method, and then acks, retries or
    dead-letters.

    `decode` turns a body into the method's argument or raises PoisonMessage. `policy` picks the
    retry policy from the settings, and `is_enabled` whether to consume at all. `on_dead_letter`
    names a method of the service that is called for a message which was decoded and is
    dead-lettered: `(argument, code)`.
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
            attempt = self.policy.attempt(message.headers)
        except UnreadableMessage as error:
            self._dead_letter_unread(message, error)
            return
        except Exception as error:  # one that nobody thought of must not end the process either
            self._settle(message, partial(self._park, message, error))
            return
        handle_result = partial(self.handle_outcome, message, argument, attempt)
        try:
            self.container.spawn_worker(
                self,
                (argument,),
                {},
                context_data=_context(message),
                handle_result=handle_result,
            )
        except ContainerBeingKilled:
            self.queue_consumer.requeue_message(message)

    def _dead_letter_unread(self, message: Message, error: UnreadableMessage) -> None:
        """Have the broker dead-letter it unchanged, unless it has an `x-death` header: one that it
        can't read ends the process of RabbitMQ 3.10 that dead-letters for all queues.
        """
        if DEATHS_HEADER in message.headers:
            self._settle(message, partial(self._park, message, error))
        else:
            self.queue_consumer.reject_message(message, error)

    def handle_outcome(
        self,
        message: Message,
        argument: Any,
        attempt: int,
        worker_ctx: WorkerContext,
        result: Any,
        exc_info: ExcInfo | None,
    ) -> tuple[Any, ExcInfo | None]:
        error = exc_info[1] if exc_info else None
        name = self.on_dead_letter
        tell = getattr(worker_ctx.service, name) if name else _nobody
        self._settle(message, partial(self._answer, message, argument, attempt, error, tell))
        return result, exc_info

    def _answer(
        self,
        message: Message,
        argument: Any,
        attempt: int,
        error: BaseException | None,
        tell: Callable[[Any, str], None],
    ) -> None:
        if error is None:
            self._count("done")
        elif isinstance(error, TransientError):
            self._again(message, attempt, self.policy.ttl_seconds)
            self._count("postponed")
        elif isinstance(error, PoisonMessage) or attempt >= self.policy.max_attempts:
            # In this order: who is told first may take the message for settled when it comes back.
            self._park(message, error)
            tell(argument, error_code(error))
        else:
            self._again(message, attempt + 1, self.policy.delay_seconds(attempt))
            self._count("retried")

    def _settle(self, message: Message, answer: Callable[[], None]) -> None:
        """Ack once `answer` has put the message's future in safe hands; else it stays queued.

        The queue's delivery limit ends what would go round for ever.
        """
        try:
            answer()
        except Exception as error:
            logger.warning(
                "message goes back to its queue", exc_info=True, extra={"code": error_code(error)}
            )
            self._count("returned")
            eventlet.sleep(1)
            self.queue_consumer.requeue_message(message)
        else:
            self.queue_consumer.ack_message(message)

    def _again(self, message: Message, attempt: int, delay_seconds: int) -> None:
        retry = self.work.retry_name(delay_seconds)
        self._republish(retry, message, {ATTEMPT_HEADER: attempt})

    def _park(self, message: Message, error: BaseException) -> None:
        """Put the original bytes with their cause where a person can look at them."""
        code = error_code(error)
        cause = {
            "x-cause": code,
            "x-cause-detail": str(error) if isinstance(error, ClinicError) else "",
            "x-queue": self.work.name,
            "x-parked-at": to_wire(now()),
            "x-letter": secrets.token_hex(6),
        }
        self._republish(self.work.dead_letter, message, cause)
        self._count("parked")
        DEAD_LETTERS.labels(self.work.name, code).inc()
        logger.error("message parked in %s", self.work.dead_letter, extra={"code": code})

    def _count(self, outcome: str) -> None:
        MESSAGES_CONSUMED.labels(self.work.name, outcome).inc()

    def _republish(self, queue: str, message: Message, headers: dict[str, Any]) -> None:
        self.publisher.publish_one(AmqpMessage.copy_of(message, queue, headers))


class RetryingEventHandler(RetryingConsumer, EventHandler):
    """nameko's `event_handler(source_service, event_type)`, with retries and dead letters.

    The queue has its documented name instead of nameko's, and receives the events through the
    fanout exchange `booking_notifications`, which is bound to the exchange of the source service.
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
    """What of the headers a worker may see; nameko would take them all, and send them on."""
    request_id = message.headers.get(REQUEST_ID_HEADER)
    return {
        "request_id": request_id if is_request_id(request_id) else "",
        "is_replay": REDRIVEN_HEADER in message.headers,
        "is_repeated": _is_repeated(message),
    }


def _is_repeated(message: Message) -> bool:
    """Whether somebody may have handled this message, or one like it, before."""
    is_marked = not _OF_REPEATED.isdisjoint(message.headers)
    return is_marked or bool(message.delivery_info.get("redelivered"))


def _nobody(_argument: Any, _code: str) -> None:
    """Stand in for services that need not be told of parked messages."""
