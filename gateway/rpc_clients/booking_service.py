"""Changes of bookings, which the booking service makes and is waited for."""

from __future__ import annotations

from typing import Any

from flask import current_app

from gateway.rpc_clients.free_slots import FreeSlots


def change(method: str, *, until: float, **arguments: Any) -> Any:
    """Have a booking changed and return it. Raises: ServiceUnavailable, and what the service
    refuses it for.

    Afterwards the free times are asked for anew: others are free, perhaps also where there was no
    answer, and where somebody was faster.
    """
    rpc = current_app.config["BOOKING_SERVICE"]
    try:
        return rpc.call(method, until=until, **arguments)
    finally:
        free_slots().forget()


def free_slots() -> FreeSlots:
    found: FreeSlots = current_app.config["FREE_SLOTS"]
    return found
