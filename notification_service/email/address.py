"""An e-mail address on its way out: into a log, and to a mail server."""

from __future__ import annotations

from email_validator import validate_email


def mask(address: str) -> str:
    """Hide who it is and leave enough to tell two addresses of a test apart: j***@e***.com."""
    local, _, domain = address.rpartition("@")
    name, _, ending = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***.{ending}"


def to_ascii(address: str) -> str:
    """Write an international domain as mail servers know it."""
    checked = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    return checked.ascii_email or address
