"""Where the staff sign in and out."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from gateway.failed_attempts import count_failed_attempt
from gateway.security_log import SecurityEvent, log_security_event
from gateway.staff_page import staff_page
from gateway.staff_session import (
    HOME,
    is_ours,
    is_signed_in,
    sign_in,
    sign_out,
    signed_in_key_id,
)

door = Blueprint("staff_door", __name__, url_prefix=HOME)


@door.get("/login", provide_automatic_options=False)
def show() -> AnyResponse:
    return redirect(HOME) if is_signed_in() else _form(request.args.get("next", HOME))


@door.post("/login", provide_automatic_options=False)
def enter() -> AnyResponse:
    wanted = request.form.get("next", HOME)
    key_id = sign_in(request.form.get("key", "").strip())
    if key_id is None:
        count_failed_attempt(SecurityEvent.SIGN_IN_REJECTED)
        return _form(wanted, 403, trouble="key_wrong")
    log_security_event(SecurityEvent.SIGNED_IN, key_id=key_id)
    return redirect(wanted if is_ours(wanted) else HOME, 303)


@door.post("/logout", provide_automatic_options=False)
def leave() -> AnyResponse:
    key_id = signed_in_key_id() if is_signed_in() else None
    sign_out()
    if key_id:
        log_security_event(SecurityEvent.SIGNED_OUT, key_id=key_id)
    return redirect(f"{HOME}/login", 303)


def _form(wanted: str, status: int = 200, trouble: str = "") -> Response:
    return staff_page("login.html", status, wanted=wanted, trouble=trouble)
