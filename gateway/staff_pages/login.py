"""The pages to sign in and out."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from gateway.auth.staff_sessions import (
    HOME,
    is_signed_in,
    is_staff_address,
    sign_in,
    sign_out,
    signed_in_key_id,
)
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.limits.failed_attempts import count_failed_attempt
from gateway.staff_pages.staff_rendering import staff_page

login = Blueprint("staff_login", __name__, url_prefix=HOME)


@login.get("/login")
def show() -> AnyResponse:
    return redirect(HOME) if is_signed_in() else _form(request.args.get("next", HOME))


@login.post("/login")
def sign_in_view() -> AnyResponse:
    next_address = request.form.get("next", HOME)
    key_id = sign_in(request.form.get("key", "").strip())
    if key_id is None:
        count_failed_attempt(SecurityEvent.SIGN_IN_REJECTED)
        return _form(next_address, 403, error_key="key_wrong")
    log_security_event(SecurityEvent.SIGNED_IN, key_id=key_id)
    return redirect(next_address if is_staff_address(next_address) else HOME, 303)


@login.post("/logout")
def sign_out_view() -> AnyResponse:
    key_id = signed_in_key_id() if is_signed_in() else None
    sign_out()
    if key_id:
        log_security_event(SecurityEvent.SIGNED_OUT, key_id=key_id)
    return redirect(f"{HOME}/login", 303)


def _form(next_address: str, status: int = 200, error_key: str = "") -> Response:
    return staff_page("login.html", status, next_address=next_address, error_key=error_key)
