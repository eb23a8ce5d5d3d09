"""The secret that lets a patient manage a booking. Only its fingerprint is stored.

A client that repeats a POST under the same Idempotency-Key must get the same answer, so the token
is derived from that key and a stored random salt: recomputable by whoever sends the key again,
not by whoever reads the database.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BookingCredentials:
    """What is stored of a booking's secrets; the last two only when the client sent a key."""

    salt: bytes
    token_fingerprint: str
    key_fingerprint: str | None = None
    request_fingerprint: str | None = None

    def is_opened_by(self, token: str) -> bool:
        """Whether that is the booking's token; takes as long for each wrong one."""
        return hmac.compare_digest(fingerprint(token), self.token_fingerprint)


def create_credentials(
    idempotency_key: str | None = None, request: bytes = b""
) -> tuple[str, BookingCredentials]:
    """Make a booking's token and what to store of it. `request` tells one body from another."""
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
    """Return the 43-character URL-safe token that belongs to a salt and an Idempotency-Key."""
    return _text(hmac.digest(salt, secret.encode(), "sha256"))


def fingerprint(secret: str) -> str:
    """Hash a token or key for storage; enough for 256 random bits, not for passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
