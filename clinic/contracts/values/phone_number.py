"""Phone numbers as staff type them: national or with an international prefix."""

from __future__ import annotations

import re

from clinic.contracts.field_errors import invalid

_SEPARATORS = re.compile(r"[ .()/-]+")
#: E.164 has at most 15 digits; national numbers are shorter.
_NUMBER = re.compile(r"\+?[0-9]{6,15}", re.ASCII)
_MAX_TYPED = 40


def parse_phone_number(text: str) -> str:
    """Return the digits, with the plus sign if there is one. Raises: ValidationError."""
    typed = text.strip()
    number = _SEPARATORS.sub("", typed) if len(typed) <= _MAX_TYPED else ""
    if not _NUMBER.fullmatch(number):
        raise invalid("phone_invalid", "must be a phone number of 6 to 15 digits")
    return number
