"""HTML error pages."""

from __future__ import annotations

import logging

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from clinic.errors import ClinicError
from gateway.auth.staff_sessions import HOME
from gateway.http import problem_details
from gateway.http.problem_details import RETRY_AFTER_SECONDS, http_status_of
from gateway.http.redirects import is_api, nearest_address
from gateway.patient_pages.booking_form import booking_form_post, form_page
from gateway.patient_pages.form_fields import Form
from gateway.staff_pages.staff_rendering import staff_page
from gateway.web.rendering import page

logger = logging.getLogger(__name__)

#: The message key of each status. Any other status is an internal error.
_ERROR_KEYS = {404: "not_found", 429: "too_many", 503: "unavailable"}
_ERROR_KEYS |= dict.fromkeys((400, 408, 413, 414, 415, 417, 431), "unreadable")

#: Characters in Accept. A longer header is slow to parse, and no browser sends one.
_MAX_ACCEPT = 1000
_MEDIA_TYPES = ("application/problem+json", "application/json", "text/html")


def register(*blueprints: Blueprint) -> None:
    """Render the errors of these blueprints as pages."""
    for blueprint in blueprints:
        blueprint.register_error_handler(ClinicError, _handle_clinic_error)
        blueprint.register_error_handler(HTTPException, _handle_http_error)
        blueprint.register_error_handler(Exception, _handle_unexpected_error)


def register_fallback(app: Flask) -> None:
    """Handle errors outside any blueprint: browsers get a page, API clients problem details."""
    app.register_error_handler(HTTPException, _handle_unrouted)


def _handle_unrouted(error: HTTPException) -> Response:
    redirect = nearest_address() if error.code == 404 else None
    return redirect or _negotiated_error(error)


def _negotiated_error(error: HTTPException) -> Response:
    if is_api(request.path) or not _accepts_html():
        return problem_details.http_problem(error)
    status = error.code or 500
    key = "no_page" if status in (404, 405) else _ERROR_KEYS.get(status, "wrong")
    return _with_headers(page("error.html", status, error_key=key), error)


def _accepts_html() -> bool:
    """Browsers name text/html when they navigate; API clients that accept anything don't."""
    accepted = request.headers.get("Accept", "")
    if len(accepted) > _MAX_ACCEPT or "text/html" not in accepted.lower():
        return False
    return request.accept_mimetypes.best_match(_MEDIA_TYPES) == "text/html"


def _handle_clinic_error(error: ClinicError) -> Response:
    status = http_status_of(error)
    if status not in (404, 429, 503):
        return _handle_unexpected_error(error)
    response = _page(status)
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _handle_http_error(error: HTTPException) -> Response:
    return _with_headers(_page(error.code or 500), error)


def _with_headers(response: Response, error: HTTPException) -> Response:
    passed = problem_details.PASSED_HEADERS
    response.headers.extend([pair for pair in error.get_headers() if pair[0] in passed])
    return response


def _handle_unexpected_error(error: Exception) -> Response:
    logger.error("unexpected error", exc_info=error)
    return _page(500)


def _page(status: int) -> Response:
    """Render an error. The booking form keeps its input; errors of a booking's pages link back to
    the booking."""
    error_key = _ERROR_KEYS.get(status, "wrong")
    if request.blueprint == booking_form_post.name and status in (429, 503):
        return form_page(Form.of(request.form), status, error_key=error_key)
    if request.path.startswith(HOME):
        return staff_page("error.html", status, error_key=error_key)
    view_args = (request.view_args or {}) if status != 404 else {}
    return page("error.html", status, error_key=error_key, **view_args)
