"""Logs security events under stable names, for monitoring and investigation.

Each event has the client address, the request id and, if known, the id of the staff key. No event
contains a token, a key or user input.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Any

from gateway.http.client_address import client_address

logger = logging.getLogger(__name__)


class SecurityEvent(StrEnum):
    """The values are documented in docs/how-to/operate.md."""

    CREDENTIAL_REJECTED = "credential_rejected"
    CSRF_REJECTED = "csrf_rejected"
    RATE_LIMITED = "rate_limited"
    SIGN_IN_REJECTED = "sign_in_rejected"
    SESSION_REJECTED = "session_rejected"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    BOOKING_MADE = "booking_made_by_staff"
    BOOKING_CANCELLED = "booking_cancelled_by_staff"
    BOOKING_RESCHEDULED = "booking_rescheduled_by_staff"
    NOTIFICATION_RESENT = "notification_resent_by_staff"
    DEAD_LETTER_REPLAYED = "dead_letter_replayed_by_staff"
    DEAD_LETTER_DROPPED = "dead_letter_dropped_by_staff"
    CATALOGUE_ITEM_STORED = "catalogue_item_stored_by_staff"
    CATALOGUE_ITEM_DELETED = "catalogue_item_deleted_by_staff"


_WARNINGS = frozenset(
    {
        SecurityEvent.CREDENTIAL_REJECTED,
        SecurityEvent.CSRF_REJECTED,
        SecurityEvent.RATE_LIMITED,
        SecurityEvent.SIGN_IN_REJECTED,
        SecurityEvent.SESSION_REJECTED,
    }
)


def log_security_event(event: SecurityEvent, *, key_id: str | None = None, **fields: Any) -> None:
    """Log an event of this request; `fields` are among `clinic.observability.logs.FIELDS`."""
    attached = fields | {"event": event.value, "client_address": client_address()}
    if key_id:
        attached["key_id"] = key_id
    level = logging.WARNING if event in _WARNINGS else logging.INFO
    logger.log(level, event.value.replace("_", " "), extra=attached)
