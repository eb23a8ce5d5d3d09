"""Message catalogues: gettext `.po` files in the folder `locale` of a package.

A message id is a code, not an English sentence; most ids are also error codes, reasons or statuses
of the API. Each language has its own catalogue.
"""

from __future__ import annotations

from functools import cache
from gettext import NullTranslations
from importlib import resources
from io import BytesIO
from typing import NoReturn

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from clinic.domain.reasons import DEFAULT_LANGUAGE, LANGUAGES


class _UnknownMessages(NullTranslations):
    """Raises for an unknown message; gettext would show its id to users."""

    def gettext(self, message: str) -> NoReturn:
        raise KeyError(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> NoReturn:
        raise KeyError(msgid1)


@cache
def load_catalogue(package: str, language: str) -> Translations:
    """Read the `.po` file of a package. Its `gettext` raises KeyError for an unknown id."""
    source = resources.files(package) / "locale" / f"{language}.po"
    compiled = BytesIO()
    with source.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    translations = Translations(compiled)
    translations.add_fallback(_UnknownMessages())
    return translations


def reason_text(code: str, language: str) -> str:
    """Explain a code of `clinic.domain.reasons`, in Spanish if `language` has no catalogue."""
    known = language if language in LANGUAGES else DEFAULT_LANGUAGE
    return load_catalogue("clinic", known).gettext(code)
