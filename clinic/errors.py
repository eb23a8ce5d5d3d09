"""The error hierarchy.

    ClinicError
    ├── InvalidBooking          the request is invalid
    ├── BookingNotFound
    ├── IllegalTransition       the booking's state forbids the transition
    ├── ConcurrentModification  another writer changed the booking first
    ├── ClaimTaken              another booking holds one of its claims
    ├── SlotUnavailable         a booking can't be rescheduled to that date
    ├── ResendRejected          a notification can't be sent again, or not now
    ├── IdempotencyKeyUsed      a booking with that key exists
    ├── IdempotencyConflict     the key was used with a different request
    ├── TooManyOpenBookings     the address has reached its limit of open bookings
    ├── CatalogueInvalid        the catalogue would be invalid
    ├── CatalogueItemNotFound
    ├── VersionMismatch         the item has another version than the change expects
    ├── ItemInUse               upcoming bookings need the item
    ├── CheckUnavailable        an availability check failed; counts as an attempt
    ├── DeliveryOutcomeUnknown  an e-mail may have been sent; counts as an attempt
    ├── WebhookServerError      a webhook endpoint failed; counts as an attempt
    ├── PoisonMessage           no attempt can ever succeed
    │   ├── UnreadableMessage   compressed, too large, or with undecodable properties
    │   ├── RecipientRejected   the mail server rejects the address or message
    │   ├── WebhookRejected     the webhook endpoint rejects the event
    │   └── DeliveryExpired     the channel stayed unavailable for too long
    ├── ConfigError
    └── TransientError          the message is fine: retried without counting an attempt
        ├── OutboxFull          too many messages are waiting for the broker
        ├── DatabaseUnavailable
        ├── BrokerUnavailable
        ├── ServiceUnavailable  another service did not answer; the outcome is unknown
        ├── ChannelUnavailable
        ├── LeaseHeld
        ├── AppointmentsContested  others took every free time first, though there are more
        └── CatalogueContested  others kept changing the catalogue

Each class has a stable `code` and takes one message, or one JSON value where its docstring says so.
nameko rebuilds a remote error from its arguments, so they must be JSON. Messages contain ids and
codes, never personal data.
"""

from __future__ import annotations

from typing import Any, ClassVar


class ClinicError(Exception):
    """Base of every error raised on purpose."""

    code: ClassVar[str] = "clinic_error"


class InvalidBooking(ClinicError):
    """A booking request violates the schema. The message lists the invalid fields."""

    code = "invalid_booking"


class BookingNotFound(ClinicError):
    code = "booking_not_found"


class IllegalTransition(ClinicError):
    code = "illegal_transition"


class ConcurrentModification(ClinicError):
    """The booking no longer has the state that the change expects."""

    code = "stale_booking"


class ClaimTaken(ClinicError):
    """Another booking holds a claim of this one. The message is the claim key."""

    code = "claim_taken"


class SlotUnavailable(ClinicError):
    """A booking can't be rescheduled to a date. The message is a `clinic.domain.reasons` code."""

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


class CatalogueInvalid(ClinicError):
    """The catalogue would be invalid. The argument is a list of `{"path", "message", "code"}`."""

    code = "invalid_catalogue"

    @property
    def problems(self) -> list[dict[str, Any]]:
        return list(self.args[0])

    def __str__(self) -> str:
        return "; ".join(f"{each['path']}: {each['message']}" for each in self.problems)


class CatalogueItemNotFound(ClinicError):
    code = "item_not_found"


class VersionMismatch(ClinicError):
    """The item has another version than the change expects, or none."""

    code = "version_mismatch"


class ItemInUse(ClinicError):
    """The argument maps each item, such as `sites/centro`, to its number of upcoming bookings."""

    code = "item_in_use"

    @property
    def bookings(self) -> dict[str, int]:
        # nameko sends numbers within arguments as texts.
        return {item: int(number) for item, number in self.args[0].items()}

    def __str__(self) -> str:
        counted = (f"{item} has {number}" for item, number in self.bookings.items())
        return f"upcoming bookings: {', '.join(counted)}"


class CheckUnavailable(ClinicError):
    code = "check_unavailable"


class DeliveryOutcomeUnknown(ClinicError):
    code = "delivery_outcome_unknown"


class WebhookServerError(ClinicError):
    code = "webhook_failed"


class PoisonMessage(ClinicError):
    code = "poison_message"


class UnreadableMessage(PoisonMessage):
    """The message can't be read, and its original can't be resent. The error text says why."""

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
    """Another service is unreachable or has not replied; it may have processed the call."""

    code = "service_unavailable"


class ChannelUnavailable(TransientError):
    """A notification channel is unreachable or asks to retry later."""

    code = "channel_unavailable"


class LeaseHeld(TransientError):
    """Another process holds the lease."""

    code = "lease_held"


class AppointmentsContested(TransientError):
    """Others were faster several times, although capacity is left."""

    code = "appointments_contested"


class CatalogueContested(TransientError):
    """Others changed the catalogue each time before this change was stored."""

    code = "catalogue_contested"


class ClaimGridChanging(TransientError):
    """The slots have another length, and other processes may not know it yet."""

    code = "claim_grid_changing"


def error_code(error: BaseException) -> str:
    """Return a code for any error, without its text, which may contain personal data."""
    return error.code if isinstance(error, ClinicError) else type(error).__name__
