"""A message in the outbox of a booking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from clinic.contracts import strict_json
from clinic.contracts.messages import BookingRequested, BookingStateChanged
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.headers import POSSIBLE_DUPLICATE_HEADER, REQUEST_ID_HEADER
from clinic.messaging.topology import BOOKING_REQUESTS, BOOKING_SERVICE, EVENTS, STATE_CHANGED
from clinic.mongo.client import Document

BOOKING_REQUESTED = "booking_requested"


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """`event_id` is "<bookingId>:<version>"; `type` determines the route.

    `request_id` identifies the HTTP request that caused it, for the logs of its consumers.
    `is_repeated` if it may have been sent before.
    """

    booking_id: str
    event_id: str
    type: str
    body: dict[str, Any]
    request_id: str = ""
    is_repeated: bool = False

    @classmethod
    def of_request(cls, message: BookingRequested, request_id: str = "") -> OutboxMessage:
        return cls(
            message.booking_id, message.event_id, BOOKING_REQUESTED, message.to_body(), request_id
        )

    @classmethod
    def of_change(cls, event: BookingStateChanged, request_id: str = "") -> OutboxMessage:
        return cls(event.booking_id, event.event_id, STATE_CHANGED, event.to_body(), request_id)

    @classmethod
    def of_document(cls, booking_id: str, document: Document) -> OutboxMessage:
        """Read a stored message, which may have been sent already."""
        return cls(
            booking_id,
            document["eventId"],
            document["type"],
            document["body"],
            document["requestId"],
            is_repeated=True,
        )

    def to_document(self, relay_id: str, number: int) -> Document:
        """Return the document to store, with the relay that is to send it."""
        return {
            "eventId": self.event_id,
            "type": self.type,
            "body": self.body,
            "requestId": self.request_id,
            "relay": relay_id,
            "number": number,
        }

    def to_queue(self, name: str) -> AmqpMessage:
        """Return the message addressed to one queue, so that no other subscriber receives it."""
        return replace(self.to_message(), exchange="", routing_key=name)

    def to_message(self) -> AmqpMessage:
        body = strict_json.dumps(self.body)
        # Like nameko's context data, where handlers find it.
        headers: dict[str, Any] = {REQUEST_ID_HEADER: self.request_id} if self.request_id else {}
        if self.type == BOOKING_REQUESTED:
            if self.is_repeated:
                headers[POSSIBLE_DUPLICATE_HEADER] = True
            return AmqpMessage("", BOOKING_REQUESTS.name, body, headers)
        # The same as nameko's EventDispatcher of booking_service.
        headers["nameko.call_id_stack"] = [f"{BOOKING_SERVICE}.{STATE_CHANGED}.{self.event_id}"]
        return AmqpMessage(EVENTS.name, STATE_CHANGED, body, headers)
