"""Changes bookings through the booking service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import current_app

from gateway.rpc_clients.free_slots import FreeSlots


def change(method: str, *, deadline: float, **arguments: Any) -> Any:
    """Call the method and return the changed booking. `deadline` is a deadline in monotonic time.

    Invalidates the cached free slots, after errors too: the change may have happened, or another
    one before it. Raises: ServiceUnavailable, and the errors of the method.
    """
    rpc = current_app.config["BOOKING_SERVICE"]
    try:
        return rpc.call(method, until=deadline, **arguments)
    finally:
        free_slots().forget()


def book_by_phone(
    booking: Mapping[str, Any],
    *,
    language: str,
    key_id: str,
    may_overbook: bool,
    idempotency_key: str | None,
    deadline: float,
) -> str:
    """Book for a patient on behalf of staff, and return the id of the confirmed booking.

    Raises: SlotUnavailable, InvalidBooking, ServiceUnavailable.
    """
    booked = change(
        "book_by_phone",
        deadline=deadline,
        booking=booking,
        language=language,
        by="staff",
        key_id=key_id,
        overbook=may_overbook,
        idempotency_key=idempotency_key,
    )
    return str(booked["id"])


def preview_change(kind: str, item: Mapping[str, Any], deadline: float) -> list[dict[str, Any]]:
    """Return the confirmed appointments that a changed item would affect, in chronological order;
    `kind` is "schedule" or "site".

    Raises: CatalogueInvalid, ServiceUnavailable.
    """
    rpc = current_app.config["BOOKING_SERVICE"]
    found: list[dict[str, Any]] = rpc.call(f"preview_{kind}", until=deadline, **{kind: item})
    return found


def free_slots() -> FreeSlots:
    slots: FreeSlots = current_app.config["FREE_SLOTS"]
    return slots
