"""The link token in an e-mail: gives the same access as the management token, but is not stored.

When an e-mail is composed, the management token is no longer known. The link token is therefore
derived from the booking's salt and a secret shared by gateway and notifier.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


def link_code(secret: str, booking_id: str, salt: bytes) -> str:
    """Return the 43-character URL-safe link token of a booking."""
    signed = f"manage:{booking_id}:".encode() + salt
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_link_code(submitted: str, secrets: Sequence[str], booking_id: str, salt: bytes) -> bool:
    """Return whether the code was derived from one of the secrets. Compares in constant time.

    During a rotation there are two secrets: the first derives new codes, and both are accepted.
    """
    codes = [link_code(secret, booking_id, salt) for secret in secrets]
    return True in [hmac.compare_digest(submitted.encode(), code.encode()) for code in codes]
