"""Who has signed in to the staff's pages: a signed cookie for `/staff`, and nowhere else."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

from flask import Blueprint, Flask, Request, Response, current_app, redirect, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, validate_csrf
from werkzeug.wrappers import Response as AnyResponse
from wtforms import ValidationError

from clinic.clock import now
from gateway.page import page
from gateway.seals import Seals

HOME = "/staff"
#: A working day. It does not grow by being used.
LIFETIME = timedelta(hours=8)

_OURS = re.compile(rf"{HOME}([/?][\x21-\x7e]*)?")
_FROM_ELSEWHERE = frozenset({"cross-site", "same-site"})


class StaffSessions(SecureCookieSessionInterface):
    """Opens sessions for the staff's pages only: nobody else pays for them."""

    salt = "staff-session"

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        is_staff = request.path == HOME or request.path.startswith(f"{HOME}/")
        return super().open_session(app, request) if is_staff else None

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def register(app: Flask) -> None:
    seals = Seals(app.config["STAFF_API_KEYS"])
    app.session_interface = StaffSessions()
    app.config.update(
        STAFF_SEALS=seals,
        SECRET_KEY=seals.secrets[-1] if seals else None,
        SECRET_KEY_FALLBACKS=seals.secrets[:-1],
        SESSION_COOKIE_NAME="staff",
        SESSION_COOKIE_PATH=HOME,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=LIFETIME,
        WTF_CSRF_TIME_LIMIT=None,  # a form is good for as long as its session
    )


def guard(*blueprints: Blueprint) -> None:
    """Let only those in who have signed in, and only forms of our own."""
    for each in blueprints:
        for check in (_require_keys, _arrive, _require_session, _require_token):
            each.before_request(check)


def guard_door(door: Blueprint) -> None:
    """The same for the pages where one signs in and out."""
    for check in (_require_keys, _arrive, _require_token):
        door.before_request(check)


def sign_in(key: str) -> bool:
    """Begin a session for one of the staff keys. The cookie holds nothing that opens another."""
    mark = _seals().mark(key)
    if mark is None:
        return False
    session.clear()
    session.update(mark=mark, until=int((now() + LIFETIME).timestamp()))
    return True


def sign_out() -> None:
    session.clear()


def is_signed_in() -> bool:
    """Whether the session is in its time, and its key still one of the staff's."""
    is_in_time = session.get("until", 0) > now().timestamp()
    return is_in_time and _seals().has_made(session["mark"])


def is_ours(address: str) -> bool:
    """Whether somebody may be led there after signing in: never out of the staff's pages."""
    return _OURS.fullmatch(address) is not None


def _require_keys() -> Response | None:
    return None if _seals() else page("staff/closed.html", 403)


def _arrive() -> Response | None:
    """Let who follows a link of another site come from here: only then is the cookie sent.

    It would be asked to sign in otherwise, and that form's cookie would end the session.
    """
    comes_from_elsewhere = request.headers.get("Sec-Fetch-Site") in _FROM_ELSEWHERE
    if request.method != "GET" or not comes_from_elsewhere:
        return None
    return page("staff/arrival.html", address=_address())


def _require_session() -> AnyResponse | None:
    if is_signed_in():
        return None
    wanted = {"next": _address()} if request.method == "GET" else {}
    return redirect(f"{HOME}/login?{urlencode(wanted)}".removesuffix("?"))


def _require_token() -> None:
    """Raises: CSRFError for a form that this session was not given."""
    if request.method != "POST":
        return
    if request.headers.get("Sec-Fetch-Site") in _FROM_ELSEWHERE:
        raise CSRFError("it was sent by another site")
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError as error:
        raise CSRFError(str(error)) from None


def _address() -> str:
    return request.full_path.removesuffix("?")


def _seals() -> Seals:
    seals: Seals = current_app.config["STAFF_SEALS"]
    return seals
