"""Changes bookings through the booking service."""

from __future__ import annotations

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


def free_slots() -> FreeSlots:
    slots: FreeSlots = current_app.config["FREE_SLOTS"]
    return slots
