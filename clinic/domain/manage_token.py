"""The management token of a booking. Only its hash is stored.

A client that repeats a POST with the same Idempotency-Key must get the same response. The token is
therefore derived from that key and a stored random salt: a client that sends the key again can
obtain it, a reader of the database can't.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BookingCredentials:
    """A booking's stored credentials; the last two are set only if the client sent a key."""

    salt: bytes
    token_fingerprint: str
    key_fingerprint: str | None = None
    request_fingerprint: str | None = None

    def is_opened_by(self, token: str) -> bool:
        """Return whether this is the booking's token. Compares in constant time."""
        return hmac.compare_digest(fingerprint(token), self.token_fingerprint)


def create_credentials(
    idempotency_key: str | None = None, request: bytes = b""
) -> tuple[str, BookingCredentials]:
    """Return a new token and its stored credentials. `request` is the body, hashed to compare."""
    salt = secrets.token_bytes(32)
    if idempotency_key is None:
        token = _text(secrets.token_bytes(32))
        return token, BookingCredentials(salt, fingerprint(token))
    token = derive_credentials(salt, idempotency_key)
    key = fingerprint(idempotency_key)
    return token, BookingCredentials(
        salt, fingerprint(token), key, hashlib.sha256(request).hexdigest()
    )


def derive_credentials(salt: bytes, secret: str) -> str:
    """Derive the 43-character URL-safe token from a salt and an Idempotency-Key."""
    return _text(hmac.digest(salt, secret.encode(), "sha256"))


def fingerprint(secret: str) -> str:
    """Hash a token or key for storage. Safe for 256 random bits, not for passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
