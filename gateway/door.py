"""Where the staff sign in and out."""

from __future__ import annotations

import logging
import time

from flask import Blueprint, Flask, Response, current_app, redirect, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response as AnyResponse

from gateway.client_address import client_key
from gateway.staff_page import staff_page
from gateway.staff_session import HOME, is_ours, is_signed_in, sign_in, sign_out

logger = logging.getLogger(__name__)

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
    if not sign_in(request.form.get("key", "").strip()):
        logger.warning("staff sign-in refused")
        return _form(wanted, 403, trouble="key_wrong")
    logger.info("staff signed in")
    return redirect(wanted if is_ours(wanted) else HOME, 303)


@door.post("/logout", provide_automatic_options=False)
def leave() -> AnyResponse:
    if is_signed_in():
        logger.info("staff signed out")
    sign_out()
    return redirect(f"{HOME}/login", 303)


def _form(wanted: str, status: int = 200, trouble: str = "") -> Response:
    return staff_page("login.html", status, wanted=wanted, trouble=trouble)


def _count_try() -> None:
    """Raises: TooManyRequests."""
    tries: MovingWindowRateLimiter = current_app.config["STAFF_TRIES"]
    who = client_key()
    if not tries.hit(_TRIES, who):
        logger.warning("staff sign-in refused: too many tries")
        free_at = tries.get_window_stats(_TRIES, who).reset_time
        raise TooManyRequests(retry_after=max(1, round(free_at - time.time())))
