"""Setting fields. Each accepts the text of an environment variable, or its parsed YAML value."""

from __future__ import annotations

import math
import re
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, validate

from clinic.configuration.setting_text import is_host, plain_text, split_url

#: 128 bits in hexadecimal are longer. Shorter secrets could be brute-forced from a token.
SECRET_LENGTH = 16
#: The same as in `clinic.messaging.topology`, which defines the queues.
WORK_QUEUE_NAMES = frozenset(
    {"booking_requests", "notification_service.email", "notification_service.webhook"}
)
#: Listed in tzdata, but a placeholder: "local time zone must be set".
_NO_ZONES = frozenset({"Factory"})


class Text(fields.String):
    """One line of text without surrounding quotes or blanks."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        return plain_text(value)


class WholeNumber(fields.Integer):
    """ASCII digits or a YAML number. Python's `int` would also accept 1_000 and other scripts."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=[validate.Range(low, high)], **kwargs)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", plain_text(value)):
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise ValidationError("must be a whole number in decimal digits")


class Number(fields.Float):
    """Like WholeNumber, but with an optional decimal point."""

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:
        super().__init__(validate=[validate.Range(low, high)], **kwargs)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> float:
        return number(value)


class Flag(fields.Boolean):
    """true or false, yes or no, on or off, 1 or 0."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        plain = plain_text(value) if isinstance(value, str) else value
        try:
            return super()._deserialize(plain, *args, **kwargs)
        except ValidationError:
            raise ValidationError("must be true or false") from None


class Host(fields.Field[str]):
    """A host name or an IP address, without a port."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        if not is_host(plain_text(value)):
            raise ValidationError("must be an ASCII host name or an IP address, without a port")
        return str(value)


class Zone(fields.Field[ZoneInfo]):
    """A zone name of the IANA database. System files have others too, such as right/..."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> ZoneInfo:
        if plain_text(value) not in _zone_names():
            raise ValidationError(f"{value!r:.80} is not an IANA time zone like Europe/Madrid")
        return ZoneInfo(value)


class PublicUrl(fields.Field[str]):
    """Where patients reach the gateway: "https://citas.clinica.example". Loads without a trailing
    slash. It must have no path, because the pages have no prefix."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        url = split_url(plain_text(value), ("http", "https"))
        if url is None or "@" in url.netloc or "?" in value or "#" in value:
            raise ValidationError("must be like https://citas.clinica.example")
        if url.path.strip("/"):
            raise ValidationError("must have no path: the pages need their own host name")
        return f"{url.scheme}://{url.netloc}"


class SecretList(fields.Field[tuple[str, ...]]):
    """Secrets separated by commas, the current one first. Errors never quote them."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> tuple[str, ...]:
        parts = [part.strip() for part in plain_text(value).split(",")]
        secrets = tuple(plain_text(part) for part in parts if part)
        if not secrets:
            raise ValidationError("must contain at least one secret")
        if any(len(secret) < SECRET_LENGTH for secret in secrets):
            raise ValidationError(f"must have at least {SECRET_LENGTH} characters in each secret")
        return secrets


class DeclaredQueues(fields.Field[frozenset[str] | None]):
    """`all` (loads as None), `none`, or names of work queues separated by commas."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> frozenset[str] | None:
        if value == "all":
            return None
        names = frozenset(name.strip() for name in plain_text(value).split(","))
        if value != "none" and not names <= WORK_QUEUE_NAMES:
            raise ValidationError(f"must be all, none, or some of {sorted(WORK_QUEUE_NAMES)}")
        return names & WORK_QUEUE_NAMES


def number(value: object) -> float:
    """Raises: ValidationError."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", plain_text(value)):
        return float(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value)):  # type: ignore[arg-type]
        raise ValidationError("must be a number in decimal digits")
    return float(value)  # type: ignore[arg-type]


@cache
def _zone_names() -> frozenset[str]:
    listed = files("tzdata").joinpath("zones").read_text("ascii").split()
    return frozenset(listed) - _NO_ZONES
