"""The code in a letter's link: it opens a booking as the manage token does, and is stored nowhere.

Letters are written when nobody has the token any more, so the code is made anew each time, from a
secret that gateway and notifier share and the booking's salt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


def link_code(secret: str, booking_id: str, salt: bytes) -> str:
    """Return the 43-character URL-safe code of a booking."""
    signed = f"manage:{booking_id}:".encode() + salt
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_link_code(given: str, secrets: Sequence[str], booking_id: str, salt: bytes) -> bool:
    """Whether one of the secrets has made that code; takes as long for each wrong one.

    While a secret is replaced there are two: the first makes the codes, and both are accepted.
    """
    codes = [link_code(secret, booking_id, salt) for secret in secrets]
    return True in [hmac.compare_digest(given.encode(), code.encode()) for code in codes]
