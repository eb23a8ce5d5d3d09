"""Every gap of the flow in which a process may die: named, and where it is in the code."""

from __future__ import annotations

from dataclasses import dataclass

GATEWAY = "gateway"
WORKER = "booking_service"
NOTIFIER = "notification_service"
TOOL = "dead-letters"

#: What goes on meanwhile; see scenarios.py.
BOOK, CANCEL, MOVE, REMIND, LOSE, REPLAY = "book", "cancel", "move", "remind", "lose", "replay"
PHONE, CONTEND = "phone", "contend"
#: What is sent; each has its own rows in the delivery log.
EMAIL, REMINDER, WEBHOOK = "email", "reminder", "webhook"

#: What has to be wrong already for the point to be reached: a gateway has died between storing a
#: request and sending it, the availability check fails, the mail server says "later", or no for
#: good.
GATEWAY_HAS_DIED = "gateway_has_died"
CHECK_FAILS = "check_fails"
MAIL_COMES_LATER = "mail_comes_later"
MAIL_IS_REFUSED = "mail_is_refused"

LONG_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Point:
    """A moment before or after a call of `method`; `service` names whose processes it is in.

    What several channels have in common is meant for `channel` only, if that is named.
    """

    name: str
    service: str
    method: str
    is_after: bool = False
    failure: str | None = None
    #: How long it is stopped: longer than a service waits for any answer. Some are stopped for
    #: longer than a broker bears the silence of a consumer, or a notifier's lease lasts.
    hang_seconds: float = 6
    #: Whether a call that came back with nothing has not been there.
    needs_result: bool = False
    #: Whether what it raises is what a channel raises that does not know.
    is_uncertain: bool = False
    channel: str = ""
    scenario: str = BOOK


_INSERT = "clinic.bookings.repository:BookingRepository.insert"
_INSERT_CONFIRMED = "clinic.bookings.repository:BookingRepository.insert_confirmed"
_APPLY = "clinic.bookings.repository:BookingRepository.apply"
_READY = "clinic.outbox.pending_messages:PendingMessages.mark_stored"
_PUBLISH = "clinic.messaging.publisher:Publisher.publish"
_PUT = "clinic.messaging.publisher_confirms:PublisherConfirms.publish"
_CONFIRM = "clinic.messaging.publisher_confirms:PublisherConfirms.wait"
_SENT = "clinic.outbox.pending_messages:PendingMessages.discard"
_TAKE_OVER = "clinic.outbox.relay_registry:RelayRegistry.take_over"
_PRUNE = "clinic.outbox.relay_registry:RelayRegistry.prune"
_RECEIVE = "clinic.nameko_extensions.retrying_consumer:RetryingConsumer.handle_message"
_AGAIN = "clinic.nameko_extensions.retrying_consumer:RetryingConsumer._retry"
_PARK = "clinic.nameko_extensions.retrying_consumer:RetryingConsumer._dead_letter"
_ACK = "clinic.nameko_extensions.queue_consumer:GracefulQueueConsumer.ack_message"
_ACKED = "clinic.messaging.wire.ack_batcher:AckBatcher._write"
_DECIDE = "booking_service.decide:Decider.decide"
_OCCUPANCY = "booking_service.scheduling.allocator:Allocator._occupancy"
_ATTENTION = "clinic.bookings.repository:BookingRepository.flag_for_review"
_CLAIM = "notification_service.delivery_log:DeliveryLog.claim"
_SETTLE = "notification_service.delivery_log:DeliveryLog.record_outcome"
_GIVE_UP = "notification_service.delivery:Delivery.give_up"
_SEND = "notification_service.channels.email_channel:SmtpChannel.send"
_CALL = "clinic.rpc.rpc_client:RpcPool.call"
_ANSWER = "clinic.nameko_extensions.rpc_entrypoint:GracefulRpcConsumer.handle_result"
_POST = "notification_service.channels.webhook:WebhookChannel.send"
_COMPOSE = "notification_service.email.composer:EmailComposer.compose_reminder"
_RECLAIM = "notification_service.delivery_log:DeliveryLog.claim_for_republish"
_PUBLISH_AGAIN = "notification_service.reconciliation.reconciler:Reconciler._publish"

POINTS = (
    Point("request not stored", GATEWAY, _INSERT),
    Point("request stored, not passed to the relay", GATEWAY, _READY),
    Point("request passed to the relay, not answered", GATEWAY, _INSERT, is_after=True),
    Point("request relayed, not published", GATEWAY, _PUBLISH),
    Point("request published, not confirmed", GATEWAY, _CONFIRM),
    Point("request confirmed, not forgotten", GATEWAY, _SENT),
    Point("request sent, not recorded", GATEWAY, _SENT, is_after=True),
    Point(
        "taken over from a dead relay, not sent",
        WORKER,
        _TAKE_OVER,
        is_after=True,
        failure=GATEWAY_HAS_DIED,
        needs_result=True,
    ),
    Point("orphaned messages sent, not pruned", WORKER, _PRUNE, failure=GATEWAY_HAS_DIED),
    Point("message received", WORKER, _RECEIVE),
    Point("decision not begun", WORKER, _DECIDE),
    Point("checked, not decided", WORKER, _APPLY, hang_seconds=LONG_SECONDS),
    Point("decided, event not passed to the relay", WORKER, _READY),
    Point("event relayed, not published", WORKER, _PUBLISH),
    Point("event published, not confirmed", WORKER, _CONFIRM),
    Point("event confirmed, not forgotten", WORKER, _SENT),
    Point("event sent, not recorded", WORKER, _SENT, is_after=True),
    Point("decided, not acked", WORKER, _ACK, hang_seconds=LONG_SECONDS),
    Point("decided and acked", WORKER, _ACKED, is_after=True),
    Point("failed, not requeued", WORKER, _AGAIN, failure=CHECK_FAILS),
    Point("requeued, not acked", WORKER, _AGAIN, True, CHECK_FAILS),
    Point("dead-lettered, attention not recorded", WORKER, _PARK, True, CHECK_FAILS),
    Point("attention recorded, not acked", WORKER, _ATTENTION, True, CHECK_FAILS),
    Point("event received", NOTIFIER, _RECEIVE, channel=EMAIL),
    Point("e-mail not claimed", NOTIFIER, _CLAIM, channel=EMAIL),
    Point(
        "e-mail claimed, not sent",
        NOTIFIER,
        _CLAIM,
        is_after=True,
        hang_seconds=LONG_SECONDS,
        channel=EMAIL,
    ),
    Point("e-mail not taken", NOTIFIER, _SEND, channel=EMAIL),
    Point(
        "e-mail taken, not recorded",
        NOTIFIER,
        _SEND,
        is_after=True,
        hang_seconds=LONG_SECONDS,
        is_uncertain=True,
        channel=EMAIL,
    ),
    Point("e-mail recorded", NOTIFIER, _SETTLE, is_after=True, channel=EMAIL),
    Point("event not acked", NOTIFIER, _ACK, channel=EMAIL),
    Point("event acked", NOTIFIER, _ACKED, is_after=True),
    Point("postponed, not requeued", NOTIFIER, _AGAIN, failure=MAIL_COMES_LATER),
    Point("postponed and requeued, not acked", NOTIFIER, _AGAIN, True, MAIL_COMES_LATER),
    Point("refused, not dead-lettered", NOTIFIER, _PARK, False, MAIL_IS_REFUSED),
    Point("refused and dead-lettered, not given up", NOTIFIER, _PARK, True, MAIL_IS_REFUSED),
    Point("given up, not acked", NOTIFIER, _GIVE_UP, True, MAIL_IS_REFUSED),
    Point("cancelling not stored", WORKER, _APPLY, scenario=CANCEL),
    Point("cancelling stored, not answered", WORKER, _ANSWER, scenario=CANCEL),
    Point("cancelling answered, not acked", WORKER, _ACK, scenario=CANCEL),
    Point("move not stored", WORKER, _APPLY, scenario=MOVE),
    Point("move stored, not passed to the relay", WORKER, _READY, scenario=MOVE),
    Point("move stored, not answered", WORKER, _ANSWER, scenario=MOVE),
    Point("move answered, not acked", WORKER, _ACK, scenario=MOVE),
    Point("move answered, not returned", GATEWAY, _CALL, is_after=True, scenario=MOVE),
    Point("claim lost, appointments not read", WORKER, _OCCUPANCY, scenario=CONTEND),
    Point("appointments read, next claim not tried", WORKER, _OCCUPANCY, True, scenario=CONTEND),
    Point("phone booking not stored", WORKER, _INSERT_CONFIRMED, scenario=PHONE),
    Point("phone booking stored, event not passed to the relay", WORKER, _READY, scenario=PHONE),
    Point(
        "phone booking passed to the relay, not answered",
        WORKER,
        _INSERT_CONFIRMED,
        is_after=True,
        scenario=PHONE,
    ),
    Point("webhook not claimed", NOTIFIER, _CLAIM, channel=WEBHOOK),
    Point(
        "webhook claimed, not sent",
        NOTIFIER,
        _CLAIM,
        is_after=True,
        hang_seconds=LONG_SECONDS,
        channel=WEBHOOK,
    ),
    Point(
        "webhook taken, not recorded",
        NOTIFIER,
        _POST,
        is_after=True,
        hang_seconds=LONG_SECONDS,
        channel=WEBHOOK,
    ),
    Point("webhook recorded", NOTIFIER, _SETTLE, is_after=True, channel=WEBHOOK),
    Point("reminder not claimed", NOTIFIER, _CLAIM, channel=REMINDER, scenario=REMIND),
    Point(
        "reminder claimed, booking not read",
        NOTIFIER,
        _CLAIM,
        is_after=True,
        hang_seconds=LONG_SECONDS,
        channel=REMINDER,
        scenario=REMIND,
    ),
    Point("booking read, reminder not sent", NOTIFIER, _COMPOSE, scenario=REMIND),
    Point(
        "reminder taken, not recorded",
        NOTIFIER,
        _SEND,
        is_after=True,
        hang_seconds=LONG_SECONDS,
        is_uncertain=True,
        channel=REMINDER,
        scenario=REMIND,
    ),
    Point("reminder recorded", NOTIFIER, _SETTLE, is_after=True, channel=REMINDER, scenario=REMIND),
    Point(
        "lost event claimed, not published",
        NOTIFIER,
        _RECLAIM,
        is_after=True,
        needs_result=True,
        channel=EMAIL,
        scenario=LOSE,
    ),
    Point(
        "lost event published, watermark not risen", NOTIFIER, _PUBLISH_AGAIN, True, scenario=LOSE
    ),
    Point("dead letter in hand, not requeued", TOOL, _PUT, scenario=REPLAY),
    Point("dead letter requeued, still dead-lettered", TOOL, _CONFIRM, True, scenario=REPLAY),
)
