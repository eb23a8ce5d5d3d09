"""Fields for limits that `off` disables."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields

from clinic.configuration.setting_text import plain_text

OFF = "off"
#: One query reads all claims of an address.
_HIGHEST = 1000


class OptionalLimit(fields.Field[int | None]):
    """A whole number from 1, or `off`, which loads as None."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> int | None:
        if is_off(value):
            return None
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValidationError(f"must be a whole number from 1 to {_HIGHEST}, or {OFF}")
        if not 1 <= int(text) <= _HIGHEST:
            raise ValidationError(f"must be from 1 to {_HIGHEST}, or {OFF}")
        return int(text)


def is_off(value: object) -> bool:
    """Return whether a limit is disabled. YAML reads an unquoted `off` as false.

    Raises: ValidationError.
    """
    return value is False or (isinstance(value, str) and plain_text(value).lower() == OFF)
