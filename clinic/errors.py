"""The errors, one tree.

    ClinicError
    ├── InvalidBooking          the request can't be understood
    ├── BookingNotFound
    ├── IllegalTransition       the booking's state forbids the transition
    ├── ConcurrentModification  another writer changed the booking first
    ├── SeatTaken               another confirmed booking holds that seat
    ├── SlotUnavailable         a booking can't be moved to that date; the message is the reason
    ├── ResendRejected          a notification can't be sent again, or not now
    ├── IdempotencyKeyUsed      that key has made a booking before
    ├── IdempotencyConflict     same key, other request
    ├── TooManyOpenBookings     the address has as many open bookings as it may have
    ├── CheckUnavailable        an availability check failed; counts as an attempt
    ├── DeliveryOutcomeUnknown  an e-mail may have been sent; counts as an attempt
    ├── WebhookServerError      a webhook endpoint failed; counts as an attempt
    ├── PoisonMessage           no attempt can ever succeed
    │   ├── UnreadableMessage   it is compressed, too large, or its properties can't be decoded
    │   ├── RecipientRejected   the mail server rejects that address or message
    │   ├── WebhookRejected     a webhook endpoint rejects that event
    │   └── DeliveryExpired     the channel stayed unavailable for too long
    ├── ConfigError
    └── TransientError          nothing is wrong with the message: retried without counting
        ├── OutboxFull          too many messages wait for the broker already
        ├── DatabaseUnavailable
        ├── BrokerUnavailable
        ├── ServiceUnavailable  another service did not answer; the outcome is unknown
        ├── ChannelUnavailable
        └── LeaseHeld

Each class has a stable `code` and takes one message: nameko rebuilds a remote error from its
arguments, so they must survive JSON. Messages hold ids and codes, never personal data.
"""

from __future__ import annotations

from typing import ClassVar


class ClinicError(Exception):
    """Base of every error raised on purpose."""

    code: ClassVar[str] = "clinic_error"


class InvalidBooking(ClinicError):
    """A booking request that breaks the schema. The message lists the fields at fault."""

    code = "invalid_booking"


class BookingNotFound(ClinicError):
    code = "booking_not_found"


class IllegalTransition(ClinicError):
    code = "illegal_transition"


class ConcurrentModification(ClinicError):
    """The booking is no longer in the state that the change was made for."""

    code = "stale_booking"


class SeatTaken(ClinicError):
    code = "seat_taken"


class SlotUnavailable(ClinicError):
    """A booking can't be moved to that date. The message is a code of `clinic.domain.reasons`."""

    code = "date_not_available"


class ResendRejected(ClinicError):
    """A notification can't be sent again, or not now. The message says why."""

    code = "not_resendable"


class IdempotencyKeyUsed(ClinicError):
    code = "idempotency_key_used"


class IdempotencyConflict(ClinicError):
    code = "idempotency_conflict"


class TooManyOpenBookings(ClinicError):
    code = "too_many_open_bookings"


class CheckUnavailable(ClinicError):
    code = "check_unavailable"


class DeliveryOutcomeUnknown(ClinicError):
    code = "delivery_outcome_unknown"


class WebhookServerError(ClinicError):
    code = "webhook_failed"


class PoisonMessage(ClinicError):
    code = "poison_message"


class UnreadableMessage(PoisonMessage):
    """Nothing was read of it, and it can't be sent again as it was. The message says why."""

    code = "unreadable_message"


class RecipientRejected(PoisonMessage):
    code = "recipient_rejected"


class WebhookRejected(PoisonMessage):
    code = "webhook_rejected"


class DeliveryExpired(PoisonMessage):
    code = "delivery_expired"


class ConfigError(ClinicError):
    code = "config_error"


class TransientError(ClinicError):
    code = "try_later"


class OutboxFull(TransientError):
    code = "backlog_full"


class DatabaseUnavailable(TransientError):
    code = "database_unavailable"


class BrokerUnavailable(TransientError):
    code = "broker_unavailable"


class ServiceUnavailable(TransientError):
    """Another service can't be asked, or has not answered; it may have done what it was asked."""

    code = "service_unavailable"


class ChannelUnavailable(TransientError):
    """A notification channel can't be reached, or asks to be left alone for a while."""

    code = "channel_unavailable"


class LeaseHeld(TransientError):
    """Another process is working on the same thing."""

    code = "lease_held"


def error_code(error: BaseException) -> str:
    """Name an error without its text, which for a foreign one could hold anything."""
    return error.code if isinstance(error, ClinicError) else type(error).__name__
