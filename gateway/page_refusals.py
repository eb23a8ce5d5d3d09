"""What a page says when it can't be what was asked for."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from clinic.errors import ClinicError
from gateway.asking import asking, form_page
from gateway.form import Form
from gateway.page import page
from gateway.problems import RETRY_AFTER_SECONDS, status_of
from gateway.staff_page import staff_page
from gateway.staff_session import HOME

logger = logging.getLogger(__name__)

#: The texts for a status; anything else is a fault of ours.
_REFUSALS = {404: "not_found", 429: "too_many", 503: "unavailable"}


def register(*blueprints: Blueprint) -> None:
    for each in blueprints:
        each.register_error_handler(ClinicError, _refused)
        each.register_error_handler(HTTPException, _http)
        each.register_error_handler(Exception, _unexpected)


def _refused(error: ClinicError) -> Response:
    status = status_of(error)
    if status not in _REFUSALS:
        return _unexpected(error)
    answer = _page(status)
    if status == 503:
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def _http(error: HTTPException) -> Response:
    answer = _page(error.code or 500)
    answer.headers.extend(
        [(name, value) for name, value in error.get_headers() if name in ("Allow", "Retry-After")]
    )
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
