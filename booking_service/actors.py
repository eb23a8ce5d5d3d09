"""Who may act on a booking, as its history records it."""

from __future__ import annotations

import re

from clinic.errors import InvalidBooking

ACTORS = ("patient", "staff", "rpc")
_KEY_ID = re.compile(r"[0-9a-f]{8}")


def require_actor(by: str, key_id: str | None) -> None:
    """Raises: InvalidBooking, for an unknown actor, or for the id of a staff key that is invalid or
    belongs to nobody of the staff."""
    if by not in ACTORS:
        raise InvalidBooking(f"by must be one of: {', '.join(ACTORS)}")
    if key_id is not None and not (by == "staff" and _is_key_id(key_id)):
        raise InvalidBooking("key_id must be the id of a staff key, and by must be staff")


def _is_key_id(value: object) -> bool:
    return isinstance(value, str) and _KEY_ID.fullmatch(value) is not None
