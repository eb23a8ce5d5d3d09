"""Messages of pages and errors, from `en.po` and `es.po` in this directory."""

from __future__ import annotations

from babel.support import Translations

from clinic.contracts.field_errors import FIELD_ERROR_CODES
from clinic.contracts.message_catalogue import load_catalogue


def translations(language: str) -> Translations:
    return load_catalogue("gateway", language)


def translate(message_id: str, language: str) -> str:
    return translations(language).gettext(message_id)


def field_texts(codes: list[str], language: str) -> list[str]:
    """Return the messages of those codes that have one, without duplicates, in order."""
    return [translate(code, language) for code in dict.fromkeys(codes) if code in FIELD_ERROR_CODES]
