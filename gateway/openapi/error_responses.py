"""How the gateway says no: which codes come with which status."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from clinic.errors import (
    BookingNotFound,
    ConcurrentModification,
    DatabaseUnavailable,
    IdempotencyConflict,
    IllegalTransition,
    OutboxFull,
    ServiceUnavailable,
    SlotUnavailable,
    TooManyOpenBookings,
)
from gateway.http.status_names import code_of_status
from gateway.server.request_body import BODY_SECONDS, MAX_BODY_BYTES


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """`name` is that of its component in the document; without codes it has that of HTTP."""

    name: str
    status: HTTPStatus
    description: str
    codes: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()

    def all_codes(self) -> tuple[str, ...]:
        return self.codes or (code_of_status(self.status),)


INVALID_QUERY = ErrorResponse(
    "InvalidQuery",
    HTTPStatus.BAD_REQUEST,
    "A parameter is wrong, unknown or given twice.",
    ("invalid_request",),
)
INVALID_BODY = ErrorResponse(
    "InvalidBody",
    HTTPStatus.BAD_REQUEST,
    "The body is not JSON or breaks off, or a field of it or a header is wrong.",
    ("malformed_json", "invalid_request", "bad_request"),
)
UNAUTHORIZED = ErrorResponse(
    "Unauthorized",
    HTTPStatus.UNAUTHORIZED,
    "The key is missing or wrong.",
    headers=("WWW-Authenticate",),
)
FORBIDDEN = ErrorResponse(
    "Forbidden",
    HTTPStatus.FORBIDDEN,
    "The token does not open the booking. An id of no booking looks the same.",
)
NO_SUCH_BOOKING = ErrorResponse(
    "NoSuchBooking",
    HTTPStatus.NOT_FOUND,
    "There is no such booking. An id that can't be one looks the same.",
    # An id that holds a slash is another path, and of that the gateway knows nothing.
    (BookingNotFound.code, "not_found"),
)
TOO_MANY_OPEN = ErrorResponse(
    "TooManyOpenBookings",
    HTTPStatus.CONFLICT,
    "The e-mail address has as many bookings that are pending, or confirmed and in the future, as"
    " it may have. One that is cancelled makes room.",
    (TooManyOpenBookings.code,),
)
NOT_CANCELLED = ErrorResponse(
    "NotCancelled",
    HTTPStatus.CONFLICT,
    "It is rejected, or somebody else has cancelled it, or others change it again and again.",
    (IllegalTransition.code, ConcurrentModification.code),
)
NOT_RESCHEDULED = ErrorResponse(
    "NotRescheduled",
    HTTPStatus.CONFLICT,
    "It is not confirmed, or was moved too often, or others change it again and again; or the date"
    " can't be had, and `reason` says why. The booking is as it was.",
    (IllegalTransition.code, ConcurrentModification.code, SlotUnavailable.code),
)
TOO_SLOW = ErrorResponse(
    "TooSlow",
    HTTPStatus.REQUEST_TIMEOUT,
    f"The body takes more than {BODY_SECONDS} s to come.",
)
TOO_LARGE = ErrorResponse(
    "TooLarge",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    f"The body has more than {MAX_BODY_BYTES // 1024} KiB.",
)
NOT_JSON = ErrorResponse(
    "NotJson", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not `application/json`."
)
KEY_USED = ErrorResponse(
    "KeyUsed",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The Idempotency-Key came with other content before, or is short and has expired.",
    (IdempotencyConflict.code,),
)
TOO_MANY = ErrorResponse(
    "TooMany",
    HTTPStatus.TOO_MANY_REQUESTS,
    "More requests, or more wrong credentials, than the clinic takes from one client.",
    headers=("Retry-After",),
)
UNAVAILABLE = ErrorResponse(
    "Unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The database is away.",
    (DatabaseUnavailable.code,),
    ("Retry-After",),
)
UNAVAILABLE_OR_FULL = ErrorResponse(
    "UnavailableOrFull",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The database is away, or too many requests wait for the broker.",
    (DatabaseUnavailable.code, OutboxFull.code),
    ("Retry-After",),
)
NO_SERVICE = ErrorResponse(
    "NoService",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The booking service did not answer.",
    (ServiceUnavailable.code,),
    ("Retry-After",),
)
UNAVAILABLE_OR_NO_SERVICE = ErrorResponse(
    "UnavailableOrNoService",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The database is away, or the booking service did not answer. Of what it was asked for nobody"
    " knows whether it was done; to ask again is safe.",
    (DatabaseUnavailable.code, ServiceUnavailable.code),
    ("Retry-After",),
)
# What belongs to no operation, but can come back from any path.
NO_SUCH_PATH = ErrorResponse("NoSuchPath", HTTPStatus.NOT_FOUND, "There is no such path.")
WRONG_METHOD = ErrorResponse(
    "WrongMethod",
    HTTPStatus.METHOD_NOT_ALLOWED,
    "The path has other methods.",
    headers=("Allow",),
)
OUR_FAULT = ErrorResponse(
    "OurFault",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Something is broken in the gateway.",
    ("internal_error",),
)

ERROR_RESPONSES = (
    INVALID_QUERY,
    INVALID_BODY,
    UNAUTHORIZED,
    FORBIDDEN,
    NO_SUCH_BOOKING,
    NO_SUCH_PATH,
    WRONG_METHOD,
    TOO_MANY_OPEN,
    NOT_CANCELLED,
    NOT_RESCHEDULED,
    TOO_SLOW,
    TOO_LARGE,
    NOT_JSON,
    KEY_USED,
    TOO_MANY,
    OUR_FAULT,
    UNAVAILABLE,
    UNAVAILABLE_OR_FULL,
    NO_SERVICE,
    UNAVAILABLE_OR_NO_SERVICE,
)

CODES = tuple(dict.fromkeys(code for refusal in ERROR_RESPONSES for code in refusal.all_codes()))
