"""Errors of request fields: a message for people and a code for programs."""

from __future__ import annotations

from marshmallow import ValidationError

#: The code of a message without its own code.
INVALID = "invalid"
#: Errors of a name, an e-mail address or a phone number.
FIELD_ERROR_CODES = (
    "name_blank",
    "name_too_long",
    "name_characters",
    "name_direction",
    "name_link",
    "email_blank",
    "email_too_long",
    "email_local_too_long",
    "email_invisible",
    "email_display_name",
    "email_no_at",
    "email_several",
    "email_spaces",
    "email_not_ascii",
    "email_domain",
    "email_invalid",
    "phone_invalid",
    "contact_missing",
)


class FieldMessage(str):
    """An English message with a stable code, which is the key of its translation.

    It never quotes the value. It is a `str` because marshmallow collects messages as strings.
    """

    code: str

    def __new__(cls, code: str, text: str) -> FieldMessage:
        message = super().__new__(cls, text)
        message.code = code
        return message


def invalid(code: str, text: str) -> ValidationError:
    """Return the error of a field. `code` is one of FIELD_ERROR_CODES."""
    return ValidationError([FieldMessage(code, text)])


def code_of(message: object) -> str:
    return message.code if isinstance(message, FieldMessage) else INVALID
