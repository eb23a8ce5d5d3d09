"""Error responses as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from clinic.contracts import strict_json
from clinic.contracts.field_errors import code_of
from clinic.contracts.message_catalogue import reason_text
from clinic.errors import (
    BookingNotFound,
    CatalogueContested,
    CatalogueInvalid,
    CatalogueItemNotFound,
    ClinicError,
    ConcurrentModification,
    DatabaseUnavailable,
    IdempotencyConflict,
    IllegalTransition,
    InvalidBooking,
    ItemInUse,
    OutboxFull,
    ResendRejected,
    ServiceUnavailable,
    SlotUnavailable,
    TooManyOpenBookings,
    VersionMismatch,
)
from gateway.http.requests import language
from gateway.http.status_names import code_of_status, title_of
from gateway.locale.messages import field_texts
from gateway.server.wsgi_environ import HEAD_ERROR

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
#: Delay before the response that the outbox is full. Without it, clients that retry at once would
#: keep the interpreter busy for seconds.
PAUSE_SECONDS = 0.05

#: The headers of an HTTPException that its response keeps.
PASSED_HEADERS = frozenset({"Accept-Encoding", "Allow", "Retry-After", "WWW-Authenticate"})

#: The only mapping of ClinicErrors to HTTP; any other one is a 500.
_STATUS: dict[type[ClinicError], HTTPStatus] = {
    InvalidBooking: HTTPStatus.BAD_REQUEST,
    BookingNotFound: HTTPStatus.NOT_FOUND,
    IllegalTransition: HTTPStatus.CONFLICT,
    ConcurrentModification: HTTPStatus.CONFLICT,
    SlotUnavailable: HTTPStatus.CONFLICT,
    ResendRejected: HTTPStatus.CONFLICT,
    TooManyOpenBookings: HTTPStatus.CONFLICT,
    CatalogueInvalid: HTTPStatus.BAD_REQUEST,
    CatalogueItemNotFound: HTTPStatus.NOT_FOUND,
    VersionMismatch: HTTPStatus.PRECONDITION_FAILED,
    ItemInUse: HTTPStatus.CONFLICT,
    CatalogueContested: HTTPStatus.SERVICE_UNAVAILABLE,
    IdempotencyConflict: HTTPStatus.UNPROCESSABLE_ENTITY,
    DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    OutboxFull: HTTPStatus.SERVICE_UNAVAILABLE,
    ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
_TITLES = {
    InvalidBooking: "The request has invalid values",
    BookingNotFound: "There is no such booking",
    IllegalTransition: "The state of the booking does not allow this change",
    ConcurrentModification: "Somebody else changed the booking at the same time",
    SlotUnavailable: "The booking can't be rescheduled to that date",
    ResendRejected: "The notification can't be sent again, or not now",
    TooManyOpenBookings: "The e-mail address has reached its limit of open bookings",
    CatalogueInvalid: "The catalogue would be invalid",
    CatalogueItemNotFound: "There is no such item in the catalogue",
    VersionMismatch: "The item has another version",
    ItemInUse: "Upcoming bookings need the item",
    CatalogueContested: "Others are changing the catalogue at the moment",
    IdempotencyConflict: "The Idempotency-Key was used for another request",
    DatabaseUnavailable: "The clinic can't accept requests at the moment",
    OutboxFull: "Too many requests are waiting; the clinic can't accept more at the moment",
    ServiceUnavailable: "A service of the clinic did not respond; retrying is safe",
}


def problem(
    status: int,
    code: str,
    title: str,
    *,
    errors: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    reason: str | None = None,
    bookings: int | None = None,
) -> Response:
    """Build an error response with a stable `code`.

    `errors` maps each invalid field to its messages; those with codes are also explained in the
    client's language. `reason` is a code of `clinic.domain.reasons`, and is translated too.
    `bookings` is the number of bookings that prevent the change.
    """
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "code": code}
    if errors:
        body |= _error_members(errors)
    if reason:
        body |= {"reason": reason, "reasonText": reason_text(reason, language())}
    if bookings is not None:
        body["bookings"] = bookings
    response = Response(strict_json.dumps(body), status=status, mimetype="application/problem+json")
    response.headers.extend(dict(headers or {}))
    return response


def _error_members(errors: Mapping[str, Any]) -> dict[str, Any]:
    codes = {field: [code_of(message) for message in errors[field]] for field in errors}
    texts = field_texts([code for group in codes.values() for code in group], language())
    detail = {"detail": " ".join(texts)} if texts else {}
    return detail | {"errors": errors, "errorCodes": codes}


def register(app: Flask) -> None:
    app.before_request(_raise_head_error)
    app.register_error_handler(ValidationError, _handle_validation_error)
    app.register_error_handler(strict_json.InvalidJson, _handle_invalid_json)
    app.register_error_handler(ClinicError, _handle_clinic_error)
    app.register_error_handler(HTTPException, http_problem)
    app.register_error_handler(Exception, _handle_unexpected_error)


def _raise_head_error() -> None:
    """Raises: HTTPException for an invalid request head, which `wsgi_environ` has found."""
    error: HTTPException | None = request.environ.get(HEAD_ERROR)
    if error is not None:
        raise error


def _handle_validation_error(error: ValidationError) -> Response:
    return problem(
        400,
        "invalid_request",
        "The request has invalid values",
        errors=error.normalized_messages(),
    )


def _handle_invalid_json(error: strict_json.InvalidJson) -> Response:
    return problem(400, "malformed_json", f"The body is not JSON: {error}")


def http_status_of(error: ClinicError) -> HTTPStatus:
    """Return the HTTP status of an error; 500 for one without a mapping."""
    return _STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)


def _handle_clinic_error(error: ClinicError) -> Response:
    status = http_status_of(error)
    if status not in _STATUS.values():
        return _handle_unexpected_error(error)
    if isinstance(error, OutboxFull):
        time.sleep(PAUSE_SECONDS)
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None
    return problem(
        status,
        error.code,
        _TITLES[type(error)],
        errors=_invalid_parts(error) if isinstance(error, CatalogueInvalid) else None,
        headers=retry,
        reason=str(error) if isinstance(error, SlotUnavailable) else None,
        bookings=sum(error.bookings.values()) if isinstance(error, ItemInUse) else None,
    )


def _invalid_parts(error: CatalogueInvalid) -> dict[str, list[str]]:
    """Return the messages by path; `catalogue` for the whole."""
    parts: dict[str, list[str]] = {}
    for found in error.problems:
        parts.setdefault(found["path"] or "catalogue", []).append(found["message"])
    return parts


def http_problem(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    headers = {name: value for name, value in error.get_headers() if name in PASSED_HEADERS}
    return problem(status, code_of_status(status), title_of(status), headers=headers)


def _handle_unexpected_error(error: Exception) -> Response:
    logger.error("unexpected error", exc_info=error)
    return problem(500, "internal_error", "Something went wrong on our side")
