"""Checks the staff key of API requests."""

from __future__ import annotations

from flask import current_app
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from gateway.auth.staff_keys import StaffKeys
from gateway.http.requests import presented_token
from gateway.http.security_log import SecurityEvent
from gateway.limits.failed_attempts import count_failed_attempt


def require_staff() -> str:
    """Return the id of the request's staff key. Raises: Unauthorized without a valid key;
    TooManyRequests."""
    key_id = staff_key_id()
    if key_id is None:
        raise unauthorized()
    return key_id


def staff_key_id() -> str | None:
    """Return the id of the request's staff key, or None without a credential.

    Raises: Unauthorized for any other credential; TooManyRequests after too many of them.
    """
    token = presented_token()
    if token is None:
        return None
    key_id = staff_keys().key_id(token)
    if key_id is None:
        count_failed_attempt(SecurityEvent.CREDENTIAL_REJECTED)
        raise unauthorized()
    return key_id


def unauthorized() -> Unauthorized:
    return Unauthorized(www_authenticate=WWWAuthenticate("bearer"))


def staff_keys() -> StaffKeys:
    keys: StaffKeys = current_app.config["STAFF_KEYS"]
    return keys
