"""What a page says when it can't be what was asked for."""

from __future__ import annotations

import logging

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from clinic.errors import ClinicError
from gateway.auth.staff_sessions import HOME
from gateway.http import problem_details
from gateway.http.problem_details import RETRY_AFTER_SECONDS, status_of
from gateway.http.redirects import is_api, nearest_address
from gateway.patient_pages.booking_form import asking, form_page
from gateway.patient_pages.form_fields import Form
from gateway.staff_pages.staff_rendering import staff_page
from gateway.web.rendering import page

logger = logging.getLogger(__name__)

#: The texts for a status; anything else is a fault of ours.
_REFUSALS = {404: "not_found", 429: "too_many", 503: "unavailable"}
_REFUSALS |= dict.fromkeys((400, 408, 413, 414, 415, 417, 431), "unreadable")

#: Characters in Accept. A long list takes long to read, and no browser sends one.
_MAX_ACCEPT = 1000
_KINDS = ("application/problem+json", "application/json", "text/html")


def register(*blueprints: Blueprint) -> None:
    for each in blueprints:
        each.register_error_handler(ClinicError, _refused)
        each.register_error_handler(HTTPException, _http)
        each.register_error_handler(Exception, _unexpected)


def register_for_people(app: Flask) -> None:
    """Show a page to people, wherever no blueprint answers; programs get their problem."""
    app.register_error_handler(HTTPException, _unrouted)


def _unrouted(error: HTTPException) -> Response:
    nearest = nearest_address() if error.code == 404 else None
    return nearest or _told_in_general(error)


def _told_in_general(error: HTTPException) -> Response:
    if is_api(request.path) or not _prefers_a_page():
        return problem_details.http_problem(error)
    refusal = "no_page" if error.code in (404, 405) else _REFUSALS.get(error.code or 500, "wrong")
    return _with_headers(page("refusal.html", error.code or 500, refusal=refusal), error)


def _prefers_a_page() -> bool:
    """Browsers name text/html when they go to an address; programs that take anything don't."""
    accepted = request.headers.get("Accept", "")
    if len(accepted) > _MAX_ACCEPT or "text/html" not in accepted.lower():
        return False
    return request.accept_mimetypes.best_match(_KINDS) == "text/html"


def _refused(error: ClinicError) -> Response:
    status = status_of(error)
    if status not in (404, 429, 503):
        return _unexpected(error)
    answer = _page(status)
    if status == 503:
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def _http(error: HTTPException) -> Response:
    return _with_headers(_page(error.code or 500), error)


def _with_headers(answer: Response, error: HTTPException) -> Response:
    told = problem_details.TELLING_HEADERS
    answer.headers.extend([pair for pair in error.get_headers() if pair[0] in told])
    return answer


def _unexpected(error: Exception) -> Response:
    logger.error("unexpected error", exc_info=error)
    return _page(500)


def _page(status: int) -> Response:
    """Who has filled in the form keeps it: it can be sent again as it is. Who was at a booking is
    led back to it."""
    refusal = _REFUSALS.get(status, "wrong")
    if request.blueprint == asking.name and status in (429, 503):
        return form_page(Form.of(request.form), status, trouble=refusal)
    if request.path.startswith(HOME):
        return staff_page("refusal.html", status, refusal=refusal)
    way_back = (request.view_args or {}) if status != 404 else {}
    return page("refusal.html", status, refusal=refusal, **way_back)
