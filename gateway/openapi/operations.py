"""The table of all operations of the API.

A test compares it with the routes of the application. HEAD is implied: it exists wherever GET does.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from clinic.contracts.bookings_query import ListingSchema
from clinic.contracts.schemas import ReschedulingSchema, ServiceRequestSchema
from clinic.contracts.slot_queries import SlotsQuerySchema
from gateway.openapi import error_responses, response_schemas
from gateway.openapi.admin_operations import TAG, item_operations
from gateway.openapi.catalogue_operations import OPENINGS, PRACTITIONERS, SERVICES, SITES
from gateway.openapi.components import PATIENT, STAFF
from gateway.openapi.examples import CANCELLED, PENDING, PUBLIC, REJECTED, REQUEST, RESCHEDULED
from gateway.openapi.operation import Operation, Response

TAGS = {
    "Bookings": "Book, read, reschedule and cancel appointments.",
    TAG: "Services, schedules and sites, for staff.",
    "Operation": "For operators.",
    "Documents": "This API description.",
}

#: The errors of every change of a booking.
_CHANGE_ERRORS = (
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
    description="The known ETag is still current.",
    media_type=None,
    headers=("ETag",),
)

BOOK = Operation(
    name="book",
    method="POST",
    path="/book",
    tag="Bookings",
    summary="Request an appointment",
    description="The gateway stores the request; it is decided in the background. A request for an"
    " unavailable date is accepted too, and rejected afterwards. `service`, `practitioner` and"
    " `site` exist only while the clinic has a catalogue.",
    parameters=("IdempotencyKey", "AcceptLanguage"),
    body=ServiceRequestSchema,
    example=REQUEST,
    responses=(
        Response(
            status=HTTPStatus.CREATED,
            description="Stored. Read the booking some seconds later for the decision.",
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
    errors=(
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
    description="Includes `patientName` and `patientEmail` only with a credential of the patient or"
    " of staff.",
    parameters=("BookingId", "IfNoneMatch"),
    responses=(
        Response(
            description="The current booking.",
            schema=response_schemas.EITHER_BOOKING,
            example=PUBLIC,
            headers=("ETag",),
        ),
        UNCHANGED,
    ),
    errors=(
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
    responses=(
        Response(
            description="One page, with a `Link` header to the next.",
            schema=response_schemas.BookingSchema,
            many=True,
            example=[REJECTED],
            headers=("Link",),
        ),
    ),
    errors=(error_responses.INVALID_QUERY, error_responses.TOO_MANY, error_responses.UNAVAILABLE),
    access=(STAFF,),
)

SLOTS = Operation(
    name="listFreeSlots",
    method="GET",
    path="/slots",
    tag="Bookings",
    summary="List the free slots of a day",
    query=SlotsQuerySchema,
    responses=(
        Response(
            description="The start times in UTC, in order; none outside the booking window.",
            schema=response_schemas.START,
            many=True,
            example=["2026-12-01T09:00:00Z", "2026-12-01T09:30:00Z"],
        ),
    ),
    errors=(error_responses.INVALID_QUERY, error_responses.NO_SERVICE),
)

CANCEL = Operation(
    name="cancelBooking",
    method="POST",
    path="/booking/{id}/cancel",
    tag="Bookings",
    summary="Cancel a booking",
    description="The body is empty or `{}`. A repeated request gets the same response.",
    parameters=("BookingId",),
    responses=(
        Response(
            description="The cancelled booking.",
            schema=response_schemas.BookingSchema,
            example=CANCELLED,
        ),
    ),
    errors=(*_CHANGE_ERRORS, error_responses.NOT_CANCELLED, error_responses.TOO_MANY),
    access=(PATIENT, STAFF),
)

RESCHEDULE = Operation(
    name="rescheduleBooking",
    method="POST",
    path="/booking/{id}/reschedule",
    tag="Bookings",
    summary="Reschedule a confirmed booking",
    description="The booking keeps its slot unless the new one is available. A repeated request"
    " gets the same response.",
    parameters=("BookingId", "AcceptLanguage"),
    body=ReschedulingSchema,
    example={"date": "2026-12-02T16:30:00+01:00"},
    responses=(
        Response(
            description="The booking, confirmed for the new date.",
            schema=response_schemas.BookingSchema,
            example=RESCHEDULED,
        ),
    ),
    errors=(*_CHANGE_ERRORS, error_responses.NOT_RESCHEDULED, error_responses.TOO_MANY),
    access=(PATIENT, STAFF),
)

LIVE = Operation(
    name="isLive",
    method="GET",
    path="/health/live",
    tag="Operation",
    summary="Check that the process runs",
    responses=(
        Response(
            description="It runs.", schema=response_schemas.LiveSchema, example={"status": "live"}
        ),
    ),
)

_READY = {"status": "ready", "database": "up", "broker": "up"}
READY = Operation(
    name="isReady",
    method="GET",
    path="/health/ready",
    tag="Operation",
    summary="Check that the gateway can accept bookings",
    responses=(
        Response(description="Ready.", schema=response_schemas.ReadySchema, example=_READY),
        Response(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            description="The database is unavailable.",
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
    summary="Read the metrics of this process",
    responses=(Response(description="Prometheus text format.", media_type="text/plain"),),
    errors=(error_responses.TOO_MANY,),
    access=(STAFF,),
)

DOCUMENT = Operation(
    name="readDocument",
    method="GET",
    path="/openapi.json",
    tag="Documents",
    summary="Read the OpenAPI document",
    parameters=("IfNoneMatch",),
    responses=(
        Response(description="An OpenAPI 3.1 document.", headers=("ETag", "Cache-Control")),
        UNCHANGED,
    ),
)

PAGE = Operation(
    name="readPage",
    method="GET",
    path="/docs",
    tag="Documents",
    summary="Read this page",
    parameters=("IfNoneMatch",),
    responses=(
        Response(
            description="A self-contained HTML page.",
            media_type="text/html",
            headers=("ETag", "Cache-Control"),
        ),
        UNCHANGED,
    ),
)

_PUBLIC_LIST = replace(
    LIST,
    description="Includes `patientName` and `patientEmail` only with a staff key.",
    responses=(
        replace(LIST.responses[0], schema=response_schemas.EITHER_BOOKING, example=[PUBLIC]),
    ),
    is_public=True,
)


def operations(*, is_list_restricted: bool) -> tuple[Operation, ...]:
    """Return all operations; the operator chooses whether the list requires a staff key."""
    listing = LIST if is_list_restricted else _PUBLIC_LIST
    return (
        BOOK,
        READ,
        SLOTS,
        OPENINGS,
        SERVICES,
        PRACTITIONERS,
        SITES,
        CANCEL,
        RESCHEDULE,
        listing,
        replace(listing, path="/bookings", name="listBookingsWithoutSlash"),
        *item_operations(),
        LIVE,
        READY,
        METRICS,
        DOCUMENT,
        PAGE,
    )
