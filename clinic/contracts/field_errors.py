"""What is wrong with a field of a request: a message for people, and a code for programs."""

from __future__ import annotations

from marshmallow import ValidationError

#: Stands for a message that has no code of its own.
INVALID = "invalid"
#: What may be wrong with a name or an e-mail address.
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
)


class FieldMessage(str):
    """An English message with a stable code, by which pages find their translation.

    It never quotes the value. It is a `str` since marshmallow collects messages as texts.
    """

    code: str

    def __new__(cls, code: str, text: str) -> FieldMessage:
        message = super().__new__(cls, text)
        message.code = code
        return message


def invalid(code: str, text: str) -> ValidationError:
    """Make the error of a field. `code` is one of FIELD_ERROR_CODES."""
    return ValidationError([FieldMessage(code, text)])


def code_of(message: object) -> str:
    return message.code if isinstance(message, FieldMessage) else INVALID
