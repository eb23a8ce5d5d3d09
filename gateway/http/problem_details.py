"""Every refusal as `application/problem+json` (RFC 9457)."""

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
    ClinicError,
    ConcurrentModification,
    DatabaseUnavailable,
    IdempotencyConflict,
    IllegalTransition,
    InvalidBooking,
    OutboxFull,
    ResendRejected,
    ServiceUnavailable,
    SlotUnavailable,
    TooManyOpenBookings,
)
from gateway.http.requests import language
from gateway.http.status_names import code_of_status, title_of
from gateway.locale.messages import field_texts
from gateway.server.wsgi_environ import REFUSAL

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
#: How long a client waits to hear that there is no room. To find that out takes no time, and who
#: asks again at once would keep the interpreter from others for seconds.
PAUSE_SECONDS = 0.05

TELLING_HEADERS = frozenset({"Accept-Encoding", "Allow", "Retry-After", "WWW-Authenticate"})

#: The only place that maps an error of the house to HTTP; anything else of ours is a 500.
_STATUS: dict[type[ClinicError], HTTPStatus] = {
    InvalidBooking: HTTPStatus.BAD_REQUEST,
    BookingNotFound: HTTPStatus.NOT_FOUND,
    IllegalTransition: HTTPStatus.CONFLICT,
    ConcurrentModification: HTTPStatus.CONFLICT,
    SlotUnavailable: HTTPStatus.CONFLICT,
    ResendRejected: HTTPStatus.CONFLICT,
    TooManyOpenBookings: HTTPStatus.CONFLICT,
    IdempotencyConflict: HTTPStatus.UNPROCESSABLE_ENTITY,
    DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    OutboxFull: HTTPStatus.SERVICE_UNAVAILABLE,
    ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
_TITLES = {
    InvalidBooking: "The request has invalid values",
    BookingNotFound: "There is no such booking",
    IllegalTransition: "The state of the booking does not allow that",
    ConcurrentModification: "The booking was changed by somebody else at the same time",
    SlotUnavailable: "The booking can't be moved to that date",
    ResendRejected: "That can't be sent again, or not now",
    TooManyOpenBookings: "The e-mail address has as many open bookings as one may have",
    IdempotencyConflict: "The Idempotency-Key was used for another request",
    DatabaseUnavailable: "The clinic can't take requests at the moment",
    OutboxFull: "Too many requests are waiting, the clinic can't take more at the moment",
    ServiceUnavailable: "A service of the clinic did not answer; to ask again is safe",
}


def problem(
    status: int,
    code: str,
    title: str,
    *,
    errors: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    reason: str | None = None,
) -> Response:
    """Build an answer. `code` is stable; `errors` maps each field at fault to its messages, of
    which those with codes of their own are also explained in the client's language;
    `reason` is a code of `clinic.domain.reasons`, whose text is said in the client's language."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "code": code}
    if errors:
        body |= _described(errors)
    if reason:
        body |= {"reason": reason, "reasonText": reason_text(reason, language())}
    answer = Response(strict_json.dumps(body), status=status, mimetype="application/problem+json")
    answer.headers.extend(dict(headers or {}))
    return answer


def _described(errors: Mapping[str, Any]) -> dict[str, Any]:
    codes = {field: [code_of(each) for each in said] for field, said in errors.items()}
    texts = field_texts([code for each in codes.values() for code in each], language())
    detail = {"detail": " ".join(texts)} if texts else {}
    return detail | {"errors": errors, "errorCodes": codes}


def register(app: Flask) -> None:
    app.before_request(_refuse_unread)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(strict_json.InvalidJson, _malformed)
    app.register_error_handler(ClinicError, _refused)
    app.register_error_handler(HTTPException, http_problem)
    app.register_error_handler(Exception, _unexpected)


def _refuse_unread() -> None:
    """Raises: HTTPException for a request whose head was refused before it came here."""
    refusal: HTTPException | None = request.environ.get(REFUSAL)
    if refusal is not None:
        raise refusal


def _invalid(error: ValidationError) -> Response:
    return problem(
        400,
        "invalid_request",
        "The request has invalid values",
        errors=error.normalized_messages(),
    )


def _malformed(error: strict_json.InvalidJson) -> Response:
    return problem(400, "malformed_json", f"The body is not JSON: {error}")


def status_of(error: ClinicError) -> HTTPStatus:
    """Return the HTTP status of one of our errors."""
    return _STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)


def _refused(error: ClinicError) -> Response:
    status = status_of(error)
    if status not in _STATUS.values():
        return _unexpected(error)
    if isinstance(error, OutboxFull):
        time.sleep(PAUSE_SECONDS)
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None
    reason = str(error) if isinstance(error, SlotUnavailable) else None
    return problem(status, error.code, _TITLES[type(error)], headers=retry, reason=reason)


def http_problem(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    headers = {name: value for name, value in error.get_headers() if name in TELLING_HEADERS}
    return problem(status, code_of_status(status), title_of(status), headers=headers)


def _unexpected(error: Exception) -> Response:
    logger.error("unexpected error", exc_info=error)
    return problem(500, "internal_error", "Something went wrong on our side")
