"""Formats an e-mail address for logs and for mail servers."""

from __future__ import annotations

from email_validator import validate_email


def mask(address: str) -> str:
    """Mask an address, but keep test addresses distinguishable: j***@e***.com."""
    local, _, domain = address.rpartition("@")
    name, _, ending = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***.{ending}"


def to_ascii(address: str) -> str:
    """Convert an international domain to its ASCII form."""
    checked = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    return checked.ascii_email or address
