"""The notifications of one booking over all channels, for staff."""

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
    """One event of a booking on one channel; `state` is None while it has no record."""

    booking_id: str
    version: int
    channel: ChannelName
    at: datetime  #: the last update
    lease_until: datetime
    state: State | None = None
    tries: int = 0
    resends: int = 0

    @classmethod
    def waiting(cls, booking: Booking, version: int, channel: ChannelName) -> Notification:
        changed_at = booking.history[version - 1].at
        return cls(booking.id, version, channel, changed_at, changed_at)

    def is_being_sent(self, at: datetime) -> bool:
        """Return whether a sender holds its lease at that time."""
        return self.state is State.SENDING and self.lease_until > at


class Notifications:
    """The delivery records of all channels. Every method may raise DatabaseUnavailable."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._rows = database["notifications"]

    def of(self, booking: Booking) -> list[Notification]:
        """Return the notifications by version and channel, including e-mails without a record."""
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            rows = list(self._rows.find({"_id": {"$in": _keys(booking)}}))
        found = [_notification(row) for row in rows]
        recorded = {item.version for item in found if item.channel is ChannelName.EMAIL}
        waiting = [
            Notification.waiting(booking, version, ChannelName.EMAIL)
            for version in range(2, booking.version + 1)  # version 1 is the request
            if version not in recorded
        ]
        return sorted([*found, *waiting], key=lambda item: (item.version, item.channel))

    def reset_for_resend(self, notification: Notification) -> Notification:
        """Make a notification sendable again, if its record is unchanged since it was read.

        Raises: ResendRejected if the record has changed.
        """
        at = now()
        fields = {"state": State.POSTPONED.value, "leaseUntil": at, "updatedAt": at, "resentAt": at}
        if notification.state is State.SENT:
            fields["wasSent"] = True
        with database_errors(OPERATION_TIMEOUT_SECONDS):
            result = self._rows.update_one(
                _unchanged(notification), {"$set": fields, "$inc": {"resends": 1}}
            )
        if not result.matched_count:
            raise ResendRejected("it has just changed")
        return replace(notification, at=at, state=State.POSTPONED, resends=notification.resends + 1)


def _keys(booking: Booking) -> list[str]:
    # MAX_RESCHEDULES bounds the number of versions.
    versions = range(1, booking.version + 1)
    return [key_of(booking.id, version, channel) for version in versions for channel in ChannelName]


def _unchanged(notification: Notification) -> Document:
    return {
        "_id": key_of(notification.booking_id, notification.version, notification.channel),
        "state": notification.state,
        "tries": notification.tries,
        "resends": notification.resends or None,  # absent before the first resend
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
