"""The error responses: their statuses and codes."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from clinic.errors import (
    BookingNotFound,
    CatalogueContested,
    CatalogueInvalid,
    CatalogueItemNotFound,
    ConcurrentModification,
    DatabaseUnavailable,
    IdempotencyConflict,
    IllegalTransition,
    ItemInUse,
    OutboxFull,
    ServiceUnavailable,
    SlotUnavailable,
    TooManyOpenBookings,
    VersionMismatch,
)
from gateway.http.status_names import code_of_status
from gateway.server.request_body import BODY_SECONDS, MAX_BODY_BYTES


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """`name` is that of the component. Without `codes`, the code is the name of the status."""

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
    "A parameter is invalid, unknown or repeated.",
    ("invalid_request",),
)
INVALID_BODY = ErrorResponse(
    "InvalidBody",
    HTTPStatus.BAD_REQUEST,
    "The body is not JSON or incomplete, or one of its fields or a header is invalid.",
    ("malformed_json", "invalid_request", "bad_request"),
)
UNAUTHORIZED = ErrorResponse(
    "Unauthorized",
    HTTPStatus.UNAUTHORIZED,
    "The credential is missing or invalid.",
    headers=("WWW-Authenticate",),
)
FORBIDDEN = ErrorResponse(
    "Forbidden",
    HTTPStatus.FORBIDDEN,
    "The token is not valid for the booking, or the booking does not exist.",
)
NO_SUCH_BOOKING = ErrorResponse(
    "NoSuchBooking",
    HTTPStatus.NOT_FOUND,
    "There is no booking with that id, or the id is malformed.",
    # An id with a slash makes an unknown path, which has the general code.
    (BookingNotFound.code, "not_found"),
)
TOO_MANY_OPEN = ErrorResponse(
    "TooManyOpenBookings",
    HTTPStatus.CONFLICT,
    "The e-mail address has reached its limit of bookings that are pending, or confirmed and in the"
    " future. Cancelling one makes room.",
    (TooManyOpenBookings.code,),
)
NOT_CANCELLED = ErrorResponse(
    "NotCancelled",
    HTTPStatus.CONFLICT,
    "The booking is rejected, somebody else has cancelled it, or others keep changing it.",
    (IllegalTransition.code, ConcurrentModification.code),
)
NOT_RESCHEDULED = ErrorResponse(
    "NotRescheduled",
    HTTPStatus.CONFLICT,
    "The booking is not confirmed, was rescheduled too often, or others keep changing it; or the"
    " date is not available, and `reason` says why. The booking is unchanged.",
    (IllegalTransition.code, ConcurrentModification.code, SlotUnavailable.code),
)
INVALID_ITEM = ErrorResponse(
    "InvalidItem",
    HTTPStatus.BAD_REQUEST,
    "The body is not JSON or incomplete, or the catalogue would be invalid. `errors` has all"
    " problems by their path: in the item, or in another one, such as `services[1]`.",
    ("malformed_json", CatalogueInvalid.code, "bad_request"),
)
INVALID_CATALOGUE = ErrorResponse(
    "InvalidCatalogue",
    HTTPStatus.BAD_REQUEST,
    "The catalogue would be invalid. `errors` has all problems by their path.",
    (CatalogueInvalid.code,),
)
NO_SUCH_ITEM = ErrorResponse(
    "NoSuchItem",
    HTTPStatus.NOT_FOUND,
    "There is no item with that id, or the id is malformed.",
    (CatalogueItemNotFound.code, "not_found"),
)
ITEM_IN_USE = ErrorResponse(
    "ItemInUse",
    HTTPStatus.CONFLICT,
    "Upcoming bookings need the item. `bookings` is their number.",
    (ItemInUse.code,),
)
STALE_ITEM = ErrorResponse(
    "StaleItem",
    HTTPStatus.PRECONDITION_FAILED,
    "The item has another version than If-Match names, or exists despite If-None-Match.",
    (VersionMismatch.code,),
)
NO_PRECONDITION = ErrorResponse(
    "NoPrecondition", HTTPStatus.PRECONDITION_REQUIRED, "The item exists: If-Match is required."
)
TOO_SLOW = ErrorResponse(
    "TooSlow",
    HTTPStatus.REQUEST_TIMEOUT,
    f"The body takes more than {BODY_SECONDS} s to arrive.",
)
TOO_LARGE = ErrorResponse(
    "TooLarge",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    f"The body is larger than {MAX_BODY_BYTES // 1024} KiB.",
)
NOT_JSON = ErrorResponse(
    "NotJson", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not `application/json`."
)
KEY_USED = ErrorResponse(
    "KeyUsed",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The Idempotency-Key was used with other content, or is short and has expired.",
    (IdempotencyConflict.code,),
)
TOO_MANY = ErrorResponse(
    "TooMany",
    HTTPStatus.TOO_MANY_REQUESTS,
    "The client has exceeded the limit of requests or of invalid credentials.",
    headers=("Retry-After",),
)
UNAVAILABLE = ErrorResponse(
    "Unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The database is unavailable.",
    (DatabaseUnavailable.code,),
    ("Retry-After",),
)
UNAVAILABLE_OR_FULL = ErrorResponse(
    "UnavailableOrFull",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The database is unavailable, or too many requests wait for the broker.",
    (DatabaseUnavailable.code, OutboxFull.code),
    ("Retry-After",),
)
UNAVAILABLE_OR_CONTESTED = ErrorResponse(
    "UnavailableOrContested",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The database is unavailable, or others are changing the catalogue.",
    (DatabaseUnavailable.code, CatalogueContested.code),
    ("Retry-After",),
)
NO_SERVICE = ErrorResponse(
    "NoService",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The booking service did not respond.",
    (ServiceUnavailable.code,),
    ("Retry-After",),
)
UNAVAILABLE_OR_NO_SERVICE = ErrorResponse(
    "UnavailableOrNoService",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The database is unavailable, or the booking service did not respond. The change may have"
    " happened; retrying is safe.",
    (DatabaseUnavailable.code, ServiceUnavailable.code),
    ("Retry-After",),
)
# Not part of any operation; any path can return them.
NO_SUCH_PATH = ErrorResponse("NoSuchPath", HTTPStatus.NOT_FOUND, "The path does not exist.")
WRONG_METHOD = ErrorResponse(
    "WrongMethod",
    HTTPStatus.METHOD_NOT_ALLOWED,
    "The path does not support the method.",
    headers=("Allow",),
)
INTERNAL_ERROR = ErrorResponse(
    "OurFault",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "An unexpected error in the gateway.",
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
    INVALID_ITEM,
    INVALID_CATALOGUE,
    NO_SUCH_ITEM,
    ITEM_IN_USE,
    STALE_ITEM,
    NO_PRECONDITION,
    TOO_SLOW,
    TOO_LARGE,
    NOT_JSON,
    KEY_USED,
    TOO_MANY,
    INTERNAL_ERROR,
    UNAVAILABLE,
    UNAVAILABLE_OR_FULL,
    UNAVAILABLE_OR_CONTESTED,
    NO_SERVICE,
    UNAVAILABLE_OR_NO_SERVICE,
)

CODES = tuple(dict.fromkeys(code for error in ERROR_RESPONSES for code in error.all_codes()))
