"""The sender of e-mails: an address that every mail server accepts, and a display name."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError, fields

from clinic.configuration.setting_text import plain_text

DEFAULT_SENDER = "citas@clinica.example"
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")
_MAX_NAME_LENGTH = 100


class Sender(NamedTuple):
    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


#: Stands for the configured sender.
NO_SENDER = Sender("")


class SenderField(fields.Field[Sender]):
    """An address, or a name and an address: "Clínica Sol <citas@clinica.example>".

    The local part must be ASCII, because any server on the way may lack SMTPUTF8 (RFC 6531). An
    international domain is converted to its ASCII form.
    """

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Sender:
        text = plain_text(value)
        named = _NAMED.fullmatch(text)
        name, address = named.group("name", "address") if named else ("", text)
        return Sender(_ascii_address(address.strip()), _display_name(name.strip()))


def parse_sender(text: str) -> Sender:
    """Raises: ValidationError."""
    sender: Sender = SenderField().deserialize(text)
    return sender


class SenderName(fields.Field[str]):
    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        return _display_name(plain_text(value))


def _ascii_address(address: str) -> str:
    try:
        checked = validate_email(
            address, check_deliverability=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError:
        checked = None
    if checked is None or checked.ascii_email is None:
        raise ValidationError(
            "must be one address like citas@clinica.example, with ASCII before the @, or a name "
            "and one: Clínica Sol <citas@clinica.example>"
        )
    return checked.ascii_email


def _display_name(text: str) -> str:
    """Remove the quotes that an address needs around a comma or a dot."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1]).strip()
    if len(text) > _MAX_NAME_LENGTH or "<" in text or ">" in text:
        raise ValidationError(f"must have at most {_MAX_NAME_LENGTH} characters in its name")
    return text
