"""Staff sessions, in a signed cookie for `/staff` only.

Signing out ends the session for every copy of the cookie. While the database is unavailable, this
can't be checked, and nobody gets access.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
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
#: Maximum age of a session, a working day; use does not extend it.
LIFETIME = timedelta(hours=8)
#: A session ends after this time without use.
MAX_IDLE = timedelta(minutes=30)

#: Resolution of the time of last use; each update sets the cookie again.
_SEEN_RESOLUTION = timedelta(minutes=1)

_STAFF_ADDRESS = re.compile(rf"{HOME}([/?][\x21-\x7e]*)?")
_OTHER_SITES = frozenset({"cross-site", "same-site"})


class StaffSessions(SecureCookieSessionInterface):
    """Opens sessions for staff pages only; other requests skip the cost."""

    salt = "staff-session"

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        is_staff = request.path == HOME or request.path.startswith(f"{HOME}/")
        can_verify = is_staff and bool(app.config["STAFF_KEYS"]) and _load_secrets(app)
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
        WTF_CSRF_TIME_LIMIT=None,  # a form stays valid as long as its session
    )


def _load_secrets(app: Flask) -> bool:
    """Load the signing secrets once. Returns False while the database is unavailable."""
    if app.secret_key is None:
        try:
            secret = server_secret(app.config["DATABASE"])
        except DatabaseUnavailable:
            return False
        *older, newest = app.config["STAFF_KEYS"].signing_secrets(secret)
        app.config.update(SECRET_KEY_FALLBACKS=older)
        app.secret_key = newest
    return True


def require_sign_in(*blueprints: Blueprint) -> None:
    """Require a session for these pages, and a CSRF token for their forms."""
    for blueprint in blueprints:
        _protect(blueprint, _require_session)


def protect_sign_in(blueprint: Blueprint) -> None:
    """Require a CSRF token, but no session, for signing in and out."""
    _protect(blueprint)


def _protect(blueprint: Blueprint, *session_checks: Callable[[], AnyResponse | None]) -> None:
    checks = (_require_keys, _continue_from_other_site, _authenticate, *session_checks)
    for check in (*checks, _require_csrf_token):
        blueprint.before_request(check)


def sign_in(key: str) -> str | None:
    """Start a session with a staff key and end the current one; return the key's id.

    Returns None for an unknown key. The cookie holds no secret. Raises: DatabaseUnavailable.
    """
    key_id = staff_keys().key_id(key)
    if key_id is None:
        return None
    if is_signed_in():
        _end()
    started_at = now()
    session.clear()
    session.update(
        id=secrets.token_urlsafe(16),
        key_id=key_id,
        until=int((started_at + LIFETIME).timestamp()),
        seen=int(started_at.timestamp()),
    )
    return key_id


def sign_out() -> None:
    """End the session for all copies of its cookie. Raises: DatabaseUnavailable; the session then
    stays open."""
    if is_signed_in():
        _end()
    session.clear()


def is_signed_in() -> bool:
    """Whether `_authenticate` found a valid session for this request."""
    return bool(g.get("is_signed_in", False))


def signed_in_key_id() -> str:
    """Return the id of the staff key that started the session."""
    key_id: str = session["key_id"]
    return key_id


def is_staff_address(address: str) -> bool:
    """Whether the address is a staff page, and so a safe redirect target after sign-in."""
    return _STAFF_ADDRESS.fullmatch(address) is not None


def _require_keys() -> Response | None:
    return None if staff_keys() else page("staff/closed.html", 403)


def _authenticate() -> None:
    """Check that the session has not expired or ended, and that its key is still accepted.

    Raises: DatabaseUnavailable.
    """
    if current_app.secret_key is None:
        raise DatabaseUnavailable("no session can be verified")
    g.is_signed_in = _is_in_time() and staff_keys().is_current(session["key_id"]) and _is_open()
    if g.is_signed_in:
        _record_use()


def _is_in_time() -> bool:
    timestamp = now().timestamp()
    is_in_use = session.get("seen", 0) + MAX_IDLE.total_seconds() > timestamp
    return bool(is_in_use and session.get("until", 0) > timestamp)


def _is_open() -> bool:
    """Whether nobody has signed out of the session. Raises: DatabaseUnavailable."""
    if not _ended_sessions().has(session["id"]):
        return True
    log_security_event(SecurityEvent.SESSION_REJECTED, key_id=signed_in_key_id())
    return False


def _record_use() -> None:
    """Count navigation only: a page that polls by script does not keep a session alive."""
    timestamp = int(now().timestamp())
    is_navigation = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    if is_navigation and timestamp - session["seen"] >= _SEEN_RESOLUTION.total_seconds():
        session["seen"] = timestamp


def _end() -> None:
    _ended_sessions().add(session["id"], datetime.fromtimestamp(session["until"], UTC))


def _continue_from_other_site() -> Response | None:
    """Answer a link from another site with a page that reloads the address from this site.

    Only then does the browser send the `SameSite=Strict` cookie. Without it, the sign-in form would
    appear, and its cookie would replace the session.
    """
    is_from_other_site = request.headers.get("Sec-Fetch-Site") in _OTHER_SITES
    if request.method != "GET" or not is_from_other_site:
        return None
    return page("staff/cross_site_interstitial.html", address=_address())


def _require_session() -> AnyResponse | None:
    if is_signed_in():
        return None
    query = {"next": _address()} if request.method == "GET" else {}
    return redirect(f"{HOME}/login?{urlencode(query)}".removesuffix("?"))


def _require_csrf_token() -> None:
    """Raises: CSRFError for a form without the CSRF token of this session."""
    if request.method != "POST":
        return
    if request.headers.get("Sec-Fetch-Site") in _OTHER_SITES:
        raise CSRFError("another site sent the form")
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError as error:
        raise CSRFError(str(error)) from None


def _address() -> str:
    return request.full_path.removesuffix("?")


def _ended_sessions() -> EndedSessions:
    ended: EndedSessions = current_app.config["ENDED_SESSIONS"]
    return ended
