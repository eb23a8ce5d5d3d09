"""The table of all calls of the gateway: what each takes and answers.

A route without a row here, or a row without a route, fails a test. HEAD is not written down: it
is there wherever GET is, and answers the same without the body.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from clinic.contracts.bookings_query import ListingSchema
from clinic.contracts.schemas import BookingRequestSchema, ReschedulingSchema, SlotsQuerySchema
from gateway.openapi import error_responses, response_schemas
from gateway.openapi.components import PATIENT, STAFF
from gateway.openapi.examples import CANCELLED, MOVED, PENDING, PUBLIC, REJECTED, REQUEST
from gateway.openapi.operation import Operation, Response

TAGS = {
    "Bookings": "Asking for an appointment, and what became of it.",
    "Operation": "For whoever runs the clinic's system.",
    "Documents": "This contract.",
}

#: What may be said to whoever changes a booking.
_OF_A_CHANGE = (
    error_responses.INVALID_BODY,
    error_responses.TOO_SLOW,
    error_responses.FORBIDDEN,
    error_responses.NO_SUCH_BOOKING,
    error_responses.TOO_LARGE,
    error_responses.NOT_JSON,
    error_responses.UNAVAILABLE_OR_NO_SERVICE,
)

UNCHANGED = Response(
    status=HTTPStatus.NOT_MODIFIED,
    description="The ETag that you know still holds.",
    media_type=None,
    headers=("ETag",),
)

BOOK = Operation(
    name="book",
    method="POST",
    path="/book",
    tag="Bookings",
    summary="Ask for an appointment",
    description="The request is stored and will be decided, whatever happens next. A date that"
    " can't be had is accepted too, and rejected afterwards.",
    parameters=("IdempotencyKey", "AcceptLanguage"),
    body=BookingRequestSchema,
    example=REQUEST,
    answers=(
        Response(
            status=HTTPStatus.CREATED,
            description="Stored. Read it some seconds later to see what became of it.",
            schema=response_schemas.AcceptedSchema,
            example={
                "booking": PENDING | {"manageToken": "jfO9K0EQAnQrW2FhKAVBhlb2UBK0FAezVcVcvZoQlEc"}
            },
            headers=("Location",),
            links={
                "read": {
                    "operationId": "readBooking",
                    "parameters": {"id": "$response.body#/booking/id"},
                },
                "cancel": {
                    "operationId": "cancelBooking",
                    "parameters": {"id": "$response.body#/booking/id"},
                },
            },
        ),
    ),
    refusals=(
        error_responses.INVALID_BODY,
        error_responses.TOO_SLOW,
        error_responses.TOO_LARGE,
        error_responses.NOT_JSON,
        error_responses.TOO_MANY_OPEN,
        error_responses.KEY_USED,
        error_responses.TOO_MANY,
        error_responses.UNAVAILABLE_OR_FULL,
    ),
)

READ = Operation(
    name="readBooking",
    method="GET",
    path="/booking/{id}",
    tag="Bookings",
    summary="Read one booking",
    description="Without a credential it is shown without `patientName` and `patientEmail`. Those"
    " are for its patient and for staff.",
    parameters=("BookingId", "IfNoneMatch"),
    answers=(
        Response(
            description="The booking as it is now.",
            schema=response_schemas.EITHER_BOOKING,
            example=PUBLIC,
            headers=("ETag",),
        ),
        UNCHANGED,
    ),
    refusals=(
        error_responses.NO_SUCH_BOOKING,
        error_responses.TOO_MANY,
        error_responses.UNAVAILABLE,
    ),
    access=(PATIENT, STAFF),
    is_public=True,
)

LIST = Operation(
    name="listBookings",
    method="GET",
    path="/bookings/",
    tag="Bookings",
    summary="List bookings, newest first",
    query=ListingSchema,
    answers=(
        Response(
            description="One page. A `Link` header leads to the next.",
            schema=response_schemas.BookingSchema,
            many=True,
            example=[REJECTED],
            headers=("Link",),
        ),
    ),
    refusals=(error_responses.INVALID_QUERY, error_responses.TOO_MANY, error_responses.UNAVAILABLE),
    access=(STAFF,),
)

SLOTS = Operation(
    name="listFreeSlots",
    method="GET",
    path="/slots",
    tag="Bookings",
    summary="See the free starts of a day",
    query=SlotsQuerySchema,
    answers=(
        Response(
            description="In UTC and in order; none for a day that can't be booked.",
            schema=response_schemas.START,
            many=True,
            example=["2026-12-01T09:00:00Z", "2026-12-01T09:30:00Z"],
        ),
    ),
    refusals=(error_responses.INVALID_QUERY, error_responses.NO_SERVICE),
)

CANCEL = Operation(
    name="cancelBooking",
    method="POST",
    path="/booking/{id}/cancel",
    tag="Bookings",
    summary="Cancel a booking",
    description="Wants no body, or `{}`. Asking again for what is done answers the same.",
    parameters=("BookingId",),
    answers=(
        Response(
            description="Cancelled; its seat is free.",
            schema=response_schemas.BookingSchema,
            example=CANCELLED,
        ),
    ),
    refusals=(*_OF_A_CHANGE, error_responses.NOT_CANCELLED, error_responses.TOO_MANY),
    access=(PATIENT, STAFF),
)

RESCHEDULE = Operation(
    name="rescheduleBooking",
    method="POST",
    path="/booking/{id}/reschedule",
    tag="Bookings",
    summary="Move a confirmed booking to another date",
    description="The old slot stands until the new one is had. Asking again for what is done"
    " answers the same.",
    parameters=("BookingId", "AcceptLanguage"),
    body=ReschedulingSchema,
    example={"date": "2026-12-02T16:30:00+01:00"},
    answers=(
        Response(
            description="At its new date, and still confirmed.",
            schema=response_schemas.BookingSchema,
            example=MOVED,
        ),
    ),
    refusals=(*_OF_A_CHANGE, error_responses.NOT_RESCHEDULED, error_responses.TOO_MANY),
    access=(PATIENT, STAFF),
)

LIVE = Operation(
    name="isLive",
    method="GET",
    path="/health/live",
    tag="Operation",
    summary="Whether the process lives",
    answers=(
        Response(
            description="It does.", schema=response_schemas.LiveSchema, example={"status": "live"}
        ),
    ),
)

_READY = {"status": "ready", "database": "up", "broker": "up"}
READY = Operation(
    name="isReady",
    method="GET",
    path="/health/ready",
    tag="Operation",
    summary="Whether bookings can be taken",
    answers=(
        Response(
            description="The database answers.", schema=response_schemas.ReadySchema, example=_READY
        ),
        Response(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            description="The database is away.",
            schema=response_schemas.ReadySchema,
            example=_READY | {"status": "unready", "database": "down"},
        ),
    ),
)

METRICS = Operation(
    name="readMetrics",
    method="GET",
    path="/metrics",
    tag="Operation",
    summary="Metrics of this process",
    answers=(Response(description="The text format of Prometheus.", media_type="text/plain"),),
    refusals=(error_responses.TOO_MANY,),
    access=(STAFF,),
)

DOCUMENT = Operation(
    name="readDocument",
    method="GET",
    path="/openapi.json",
    tag="Documents",
    summary="This contract for programs",
    parameters=("IfNoneMatch",),
    answers=(
        Response(description="An OpenAPI 3.1 document.", headers=("ETag", "Cache-Control")),
        UNCHANGED,
    ),
)

PAGE = Operation(
    name="readPage",
    method="GET",
    path="/docs",
    tag="Documents",
    summary="This contract for people",
    parameters=("IfNoneMatch",),
    answers=(
        Response(
            description="A page that needs nothing else.",
            media_type="text/html",
            headers=("ETag", "Cache-Control"),
        ),
        UNCHANGED,
    ),
)

_UNRESTRICTED_LIST = replace(
    LIST,
    description="Without a staff key bookings are shown without `patientName` and `patientEmail`.",
    answers=(replace(LIST.answers[0], schema=response_schemas.EITHER_BOOKING, example=[PUBLIC]),),
    is_public=True,
)


def operations(*, is_list_restricted: bool) -> tuple[Operation, ...]:
    """Return all calls; whether the list requires a staff key is the operator's choice."""
    listing = LIST if is_list_restricted else _UNRESTRICTED_LIST
    return (
        BOOK,
        READ,
        SLOTS,
        CANCEL,
        RESCHEDULE,
        listing,
        replace(listing, path="/bookings", name="listBookingsWithoutSlash"),
        LIVE,
        READY,
        METRICS,
        DOCUMENT,
        PAGE,
    )
