"""Parses and normalizes exactly one e-mail address."""

from __future__ import annotations

import re
from functools import lru_cache

import regex
from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError

from clinic.contracts.field_errors import invalid

MAX_EMAIL = 254  #: RFC 5321, section 4.5.3.1.3, less the angle brackets
MAX_LOCAL_PART = 64  #: RFC 5321, section 4.5.3.1.1
#: Allows for surrounding characters that were copied along. Checked first.
_MAX_INPUT = 2 * MAX_EMAIL

#: A common local part, which is already in normal form.
_PLAIN_LOCAL_PART = re.compile(r"[a-z0-9]+([._+-][a-z0-9]+)*", re.ASCII)
_UNSEEN = r"[\s\p{Default_Ignorable_Code_Point}\p{Cf}]"
_AROUND = regex.compile(rf"\A{_UNSEEN}+|{_UNSEEN}+\Z")
_INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]")
#: Full-width forms, as East Asian keyboards write ASCII.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}

_ONE = "must be one e-mail address"


def parse_email_address(text: str) -> str:
    """Return the address with its domain in lower-case Unicode; the local part stays as written.

    Raises: marshmallow.ValidationError with a `FieldMessage`.
    """
    if len(text) > _MAX_INPUT:
        raise _too_long()
    address = _without_surroundings(text)
    if not address:
        raise invalid("email_blank", "must not be blank")
    if len(address) > MAX_EMAIL:
        raise _too_long()
    try:
        normal = _normal_address(address)
    except EmailNotValidError:
        raise _fault_of(address) from None
    if len(normal.rpartition("@")[0]) > MAX_LOCAL_PART:
        raise invalid(
            "email_local_too_long", f"must have at most {MAX_LOCAL_PART} characters before the @"
        )
    return normal


def _without_surroundings(text: str) -> str:
    if text.isascii():
        return text.strip()
    inner: str = _AROUND.sub("", text)
    return inner.translate(_FULL_WIDTH)


def _normal_address(text: str) -> str:
    """Raises: EmailNotValidError."""
    local_part, _, domain = text.rpartition("@")
    # The wire form of a non-ASCII address is longer, perhaps too long: only the full check sees it.
    is_plain = text.isascii() and _PLAIN_LOCAL_PART.fullmatch(local_part)
    return f"{local_part}@{_normal_domain(domain)}" if is_plain else _checked(text)


@lru_cache(maxsize=1024)
def _normal_domain(domain: str) -> str:
    """Cached: most patients use a few domains, and checking the domain is most of the work.

    Raises: EmailNotValidError.
    """
    return _checked(f"a@{domain}").partition("@")[2]


def _checked(address: str) -> str:
    return validate_email(address, check_deliverability=False, allow_smtputf8=False).normalized


def _fault_of(address: str) -> ValidationError:
    """Return the error of an invalid address, most obvious fault first."""
    local_part, _, domain = address.rpartition("@")
    errors = (
        ("email_invisible", "without invisible characters", _INVISIBLE.search(address)),
        ("email_display_name", "without a name and angle brackets", regex.search("[<>]", address)),
        ("email_no_at", "with an @", "@" not in address),
        ("email_several", "not several", "@" in local_part),
        ("email_spaces", "without blanks", regex.search(r"\s", address)),
        ("email_not_ascii", "with ASCII characters before the @", not local_part.isascii()),
        ("email_domain", "with a valid domain after the @", not _is_domain(domain)),
    )
    for code, text, is_found in errors:
        if is_found:
            return invalid(code, f"{_ONE}, {text}")
    return invalid("email_invalid", f"{_ONE}, with a valid part before the @")


def _is_domain(domain: str) -> bool:
    try:
        _normal_domain(domain)
    except EmailNotValidError:
        return False
    return True


def _too_long() -> ValidationError:
    return invalid("email_too_long", f"must have at most {MAX_EMAIL} characters")
