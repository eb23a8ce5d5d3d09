"""Reads a person's name: keeps what belongs to it, drops what was copied along with it.

What a character is, is decided by its Unicode properties as the `regex` package has them: Python's
own tables are older, and take letters that are new for characters that do not exist.
"""

from __future__ import annotations

import unicodedata

import regex

from clinic.contracts.field_errors import invalid
from clinic.contracts.web_address import has_web_address

MAX_NAME = 200
#: Normal form C makes one character of four at most, so a longer text can't become a name. Its
#: length is checked first: to normalise a long one can take quadratic time.
_MAX_INPUT = 4 * MAX_NAME

_VARIATION_SELECTORS = r"\p{Variation_Selector}"
#: Part of names where they join two characters: zero width (non-)joiner, combining grapheme
#: joiner, Mongolian vowel separator, conjoining Hangul fillers, inherent vowels of Khmer.
_JOINERS = r"[\u200c\u200d\u034f\u180e\u115f\u1160\u17b4\u17b5]"
#: They show a text in reverse order, whatever it says.
_OVERRIDES = r"[\u202d\u202e]"
#: Not ignorable for Unicode, but nothing shows them either.
_ANNOTATIONS = r"[\ufff9-\ufffb]"
#: All that look like a blank, but for those that are written on purpose: of Ogham and of Chinese.
_BLANKS = r"[[\p{Zs}\t\u3164\uffa0\u2800]--[\u1680\u3000]]"
#: Set aside for Han ideographs: a new one is a letter before the tables know of it.
_IDEOGRAPHIC = r"[\U00020000-\U0002fffd\U00030000-\U0003fffd]"


def _compile(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.V1)


#: Nearly every name, in one look.
_ORDINARY = _compile(r"[[\p{L}\p{M}\p{N}\p{P}\p{S}\x20\u1680\u3000]--[\p{DI}\u2800]]+")
_BLANK = _compile(_BLANKS)
_IGNORED = _compile(
    rf"[[\p{{DI}}{_ANNOTATIONS}]--{_JOINERS}--{_OVERRIDES}--[{_VARIATION_SELECTORS}]--{_BLANKS}]"
)
_JOINED = rf"[[\p{{L}}\p{{M}}\p{{N}}\p{{So}}\p{{Sk}}]--{_JOINERS}]"
#: Those that join nothing. One after a virama gives the letter before it another shape, also at
#: the end of a word.
_LOOSE_JOINERS = _compile(
    rf"(?<!{_JOINED}){_JOINERS}+|(?<!\p{{ccc=Virama}}){_JOINERS}+(?!{_JOINED}|{_JOINERS})"
)
_LOOSE_SELECTORS = _compile(rf"(?<![\p{{L}}\p{{M}}\p{{N}}\p{{P}}\p{{S}}]){_VARIATION_SELECTORS}+")
_ENDS = " \t\n\v\f\r\x85\u1680\u2028\u2029\u3000\u202d\u202e"
_OVERRIDE = _compile(_OVERRIDES)
#: Control characters, line ends, surrogates, private use, and what Unicode does not define.
_FORBIDDEN = _compile(rf"[[\p{{C}}\p{{Zl}}\p{{Zp}}]--\p{{Cf}}--{_IDEOGRAPHIC}]")
_VISIBLE = _compile(rf"[[\p{{L}}\p{{N}}\p{{P}}\p{{S}}{_IDEOGRAPHIC}]--[\p{{DI}}\u2800]]")


def parse_name(text: str) -> str:
    """Return the name in normal form C, without blanks and invisible characters around it.

    Raises: marshmallow.ValidationError with a `FieldMessage`.
    """
    if len(text) > _MAX_INPUT:
        raise _too_long()
    name = _clean(text)
    if not _ORDINARY.fullmatch(name):
        _require_legible(name)
    if not _VISIBLE.search(name):
        raise invalid("name_blank", "must not be blank")
    if len(name) > MAX_NAME:
        raise _too_long()
    if has_web_address(name):
        raise invalid("name_link", "must not contain a web or e-mail address")
    return name


def _clean(text: str) -> str:
    if not _ORDINARY.fullmatch(text):
        text = _IGNORED.sub("", _BLANK.sub(" ", text))
        text = _LOOSE_SELECTORS.sub("", _LOOSE_JOINERS.sub("", text))
    return unicodedata.normalize("NFC", text).strip(_ENDS)


def _require_legible(name: str) -> None:
    """Raises: ValidationError for what nobody could read, or would read as something else."""
    if _OVERRIDE.search(name):
        raise invalid(
            "name_direction", "must not contain characters that reverse the direction of the text"
        )
    if _FORBIDDEN.search(name):
        raise invalid("name_characters", "must not contain control or undefined characters")


def _too_long() -> Exception:
    return invalid("name_too_long", f"must have at most {MAX_NAME} characters")
