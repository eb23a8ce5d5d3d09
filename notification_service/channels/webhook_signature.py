"""Signs webhook requests, so that an endpoint can detect forged and replayed ones."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence


def sign(body: bytes, timestamp: int, secrets: Sequence[str]) -> str:
    """Return one `v1=<hex>` per secret, separated by commas.

    During a rotation there are two secrets, and an endpoint accepts either signature.
    """
    signed = f"{timestamp}.".encode() + body
    return ",".join(f"v1={_digest(secret, signed)}" for secret in secrets)


def _digest(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
