"""Where the staff sign in and out."""

from __future__ import annotations

import time

from flask import Blueprint, Flask, Response, current_app, redirect, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response as AnyResponse

from gateway.client_address import client_key
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

#: For each address, in each process, whatever RATE_LIMIT says of patients.
_TRIES = RateLimitItemPerMinute(10)


def register(app: Flask) -> None:
    app.config["STAFF_TRIES"] = MovingWindowRateLimiter(MemoryStorage())
    app.register_blueprint(door)


@door.get("/login", provide_automatic_options=False)
def show() -> AnyResponse:
    return redirect(HOME) if is_signed_in() else _form(request.args.get("next", HOME))


@door.post("/login", provide_automatic_options=False)
def enter() -> AnyResponse:
    wanted = request.form.get("next", HOME)
    _count_try()
    key_id = sign_in(request.form.get("key", "").strip())
    if key_id is None:
        log_security_event(SecurityEvent.SIGN_IN_REJECTED)
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


def _count_try() -> None:
    """Raises: TooManyRequests."""
    tries: MovingWindowRateLimiter = current_app.config["STAFF_TRIES"]
    who = client_key()
    if not tries.hit(_TRIES, who):
        log_security_event(SecurityEvent.RATE_LIMITED)
        free_at = tries.get_window_stats(_TRIES, who).reset_time
        raise TooManyRequests(retry_after=max(1, round(free_at - time.time())))
