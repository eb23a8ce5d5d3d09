"""What forms of patients and staff have in common: tokens against double booking, local times."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from clinic.domain.clock import to_wire

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


def new_token() -> str:
    """Return a token for one rendered form, so that resending it books only once."""
    return secrets.token_urlsafe(24)


def idempotency_key(token: str, content: bytes) -> str | None:
    """Return the key of a form with this content. Changed input is a new request and gets another
    key; a form without a valid token gets none."""
    if not _TOKEN.fullmatch(token):
        return None
    return f"{token}.{hashlib.sha256(content).hexdigest()}"


def local_to_utc(local: str, zone: ZoneInfo) -> str:
    """Convert "2026-12-01T10:00" in a zone to UTC; "" for an invalid or skipped local time."""
    try:
        local_time = datetime.fromisoformat(local)
        moment = local_time.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    shown = moment.astimezone(zone).replace(tzinfo=None)
    return to_wire(moment) if shown == local_time else ""
