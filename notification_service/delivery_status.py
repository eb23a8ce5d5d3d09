"""The notifications of one booking, over all channels, for staff."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pymongo.database import Database

from clinic.domain.booking import Booking
from clinic.domain.clock import now
from clinic.errors import ResendRejected
from clinic.mongo.client import OPERATION_TIMEOUT_SECONDS, Document, database_errors
from notification_service.delivery_log import ChannelName, State, key_of


@dataclass(frozen=True, slots=True)
class Notification:
    """One event of a booking over one channel; `state` is None while it has no record."""

    booking_id: str
    version: int
    channel: ChannelName
    at: datetime  #: when it was last changed
    lease_until: datetime
    state: State | None = None
    tries: int = 0
    resends: int = 0

    @classmethod
    def waiting(cls, booking: Booking, version: int, channel: ChannelName) -> Notification:
        taken_at = booking.history[version - 1].at
        return cls(booking.id, version, channel, taken_at, taken_at)

    def is_being_sent(self, at: datetime) -> bool:
        """Whether it may be being sent at that moment."""
        return self.state is State.SENDING and self.lease_until > at


class Notifications:
    """The rows of all channels. Every method may raise DatabaseUnavailable."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._rows = database["notifications"]

    def of(self, booking: Booking) -> list[Notification]:
        """Return them by version and then channel, with the e-mails that nobody has begun yet."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            rows = list(self._rows.find({"_id": {"$in": _keys(booking)}}))
        found = [_notification(row) for row in rows]
        begun = {each.version for each in found if each.channel is ChannelName.EMAIL}
        waiting = [
            Notification.waiting(booking, version, ChannelName.EMAIL)
            for version in range(2, booking.version + 1)  # nobody is notified of the request
            if version not in begun
        ]
        return sorted([*found, *waiting], key=lambda each: (each.version, each.channel))

    def reset_for_resend(self, notification: Notification) -> Notification:
        """Reset its record to be sent again, if it has not changed since it was read.

        Raises: ResendRejected when somebody else was first.
        """
        at = now()
        opened = {"state": State.POSTPONED.value, "leaseUntil": at, "updatedAt": at, "resentAt": at}
        if notification.state is State.SENT:
            opened["wasSent"] = True
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            result = self._rows.update_one(
                _as_it_was(notification), {"$set": opened, "$inc": {"resends": 1}}
            )
        if not result.matched_count:
            raise ResendRejected("it has changed in this moment")
        return replace(notification, at=at, state=State.POSTPONED, resends=notification.resends + 1)


def _keys(booking: Booking) -> list[str]:
    # MAX_RESCHEDULES bounds the number of versions.
    versions = range(1, booking.version + 1)
    return [key_of(booking.id, version, channel) for version in versions for channel in ChannelName]


def _as_it_was(notification: Notification) -> Document:
    return {
        "_id": key_of(notification.booking_id, notification.version, notification.channel),
        "state": notification.state,
        "tries": notification.tries,
        "resends": notification.resends or None,  # absent before the first
    }


def _notification(row: Document) -> Notification:
    return Notification(
        row["bookingId"],
        row["version"],
        ChannelName(row["channel"]),
        row["updatedAt"] if "updatedAt" in row else row["createdAt"],
        row["leaseUntil"],
        State(row["state"]),
        row["tries"],
        row.get("resends", 0),
    )
