"""Who has signed in to the staff's pages: a signed cookie for `/staff`, and nowhere else.

Signing out ends the session for every copy of the cookie. Where the database can't be asked for
that, nobody is let in.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from flask import Blueprint, Flask, Request, Response, current_app, g, redirect, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, validate_csrf
from werkzeug.wrappers import Response as AnyResponse
from wtforms import ValidationError

from clinic.bookings.repository import BookingRepository
from clinic.domain.clock import now
from clinic.errors import DatabaseUnavailable
from gateway.auth.ended_sessions import EndedSessions
from gateway.auth.server_secret import server_secret
from gateway.auth.staff_access import staff_keys
from gateway.http.secure_requests import is_secure, path_cookie
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.web.rendering import page

HOME = "/staff"
#: A working day. It does not grow by being used.
LIFETIME = timedelta(hours=8)
#: Who does nothing for so long has left the desk.
MAX_IDLE = timedelta(minutes=30)

#: How exactly it is known when a session was used last: the cookie is set anew for each change.
_SEEN_AGAIN_AFTER = timedelta(minutes=1)

_OURS = re.compile(rf"{HOME}([/?][\x21-\x7e]*)?")
_FROM_ELSEWHERE = frozenset({"cross-site", "same-site"})


class StaffSessions(SecureCookieSessionInterface):
    """Opens sessions for the staff's pages only: nobody else pays for them."""

    salt = "staff-session"

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        is_staff = request.path == HOME or request.path.startswith(f"{HOME}/")
        can_verify = is_staff and bool(app.config["STAFF_KEYS"]) and _has_secrets(app)
        return super().open_session(app, request) if can_verify else None

    def get_cookie_secure(self, app: Flask) -> bool:
        return is_secure()

    def get_cookie_name(self, app: Flask) -> str:
        return path_cookie("staff")


def register(app: Flask, store: BookingRepository) -> None:
    app.session_interface = StaffSessions()
    app.config.update(
        DATABASE=store.database,
        ENDED_SESSIONS=EndedSessions(store.database),
        SESSION_COOKIE_PATH=HOME,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=LIFETIME,
        WTF_CSRF_TIME_LIMIT=None,  # a form is good for as long as its session
    )


def _has_secrets(app: Flask) -> bool:
    """Have what signs sessions: the database keeps it, and it is asked once."""
    if app.secret_key is None:
        try:
            secret = server_secret(app.config["DATABASE"])
        except DatabaseUnavailable:
            return False
        *older, newest = app.config["STAFF_KEYS"].signing_secrets(secret)
        app.config.update(SECRET_KEY_FALLBACKS=older)
        app.secret_key = newest
    return True


def guard(*blueprints: Blueprint) -> None:
    """Let only those in who have signed in, and only forms of our own."""
    for each in blueprints:
        for check in (_require_keys, _arrive, _authenticate, _require_session, _require_token):
            each.before_request(check)


def guard_door(door: Blueprint) -> None:
    """The same for the pages where one signs in and out."""
    for check in (_require_keys, _arrive, _authenticate, _require_token):
        door.before_request(check)


def sign_in(key: str) -> str | None:
    """Begin a session for one of the staff keys, and end the one before; return the key's id.

    The cookie holds nothing that opens another. Returns None for what is no key.
    Raises: DatabaseUnavailable.
    """
    key_id = staff_keys().key_id(key)
    if key_id is None:
        return None
    if is_signed_in():
        _end()
    begun = now()
    session.clear()
    session.update(
        id=secrets.token_urlsafe(16),
        key_id=key_id,
        until=int((begun + LIFETIME).timestamp()),
        seen=int(begun.timestamp()),
    )
    return key_id


def sign_out() -> None:
    """End the session for all copies of its cookie. Raises: DatabaseUnavailable, and then it goes
    on: the person has to know."""
    if is_signed_in():
        _end()
    session.clear()


def is_signed_in() -> bool:
    """What `_authenticate` has found out of this request."""
    found: bool = g.get("is_signed_in", False)
    return found


def signed_in_key_id() -> str:
    """Return the id of the key that has opened the session of who is signed in."""
    key_id: str = session["key_id"]
    return key_id


def is_ours(address: str) -> bool:
    """Whether somebody may be led there after signing in: never out of the staff's pages."""
    return _OURS.fullmatch(address) is not None


def _require_keys() -> Response | None:
    return None if staff_keys() else page("staff/closed.html", 403)


def _authenticate() -> None:
    """Find out whether the session is in its time, its key in force, and nobody has ended it.

    Raises: DatabaseUnavailable.
    """
    if current_app.secret_key is None:
        raise DatabaseUnavailable("no session can be verified")
    g.is_signed_in = _is_in_time() and staff_keys().is_current(session["key_id"]) and _is_open()
    if g.is_signed_in:
        _note_use()


def _is_in_time() -> bool:
    moment = now().timestamp()
    is_in_use = session.get("seen", 0) + MAX_IDLE.total_seconds() > moment
    return bool(is_in_use and session.get("until", 0) > moment)


def _is_open() -> bool:
    """Raises: DatabaseUnavailable."""
    if not _ended_sessions().has(session["id"]):
        return True
    log_security_event(SecurityEvent.SESSION_REJECTED, key_id=signed_in_key_id())
    return False


def _note_use() -> None:
    """A page that fetches itself again is not used by anybody."""
    moment = int(now().timestamp())
    is_by_a_script = request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
    if not is_by_a_script and moment - session["seen"] >= _SEEN_AGAIN_AFTER.total_seconds():
        session["seen"] = moment


def _end() -> None:
    _ended_sessions().add(session["id"], datetime.fromtimestamp(session["until"], UTC))


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


def _ended_sessions() -> EndedSessions:
    ended: EndedSessions = current_app.config["ENDED_SESSIONS"]
    return ended
