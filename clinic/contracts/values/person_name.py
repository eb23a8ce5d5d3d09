"""Parses a person's name and removes characters that were copied along with it.

Characters are classified by the Unicode properties of the `regex` package. Python's own tables are
older and treat new letters as unassigned.
"""

from __future__ import annotations

import unicodedata

import regex

from clinic.contracts.field_errors import invalid
from clinic.contracts.values.web_address import has_web_address

MAX_NAME = 200
#: Normal form C combines at most four characters into one, so a longer text can't become a name.
#: Checked first, because normalizing a long text can take quadratic time.
_MAX_INPUT = 4 * MAX_NAME

_VARIATION_SELECTORS = r"\p{Variation_Selector}"
#: Part of a name only between two characters: zero width (non-)joiner, combining grapheme
#: joiner, Mongolian vowel separator, conjoining Hangul fillers, inherent vowels of Khmer.
_JOINERS = r"[\u200c\u200d\u034f\u180e\u115f\u1160\u17b4\u17b5]"
#: These reverse the displayed order of any text.
_OVERRIDES = r"[\u202d\u202e]"
#: Not ignorable in Unicode, but invisible.
_ANNOTATIONS = r"[\ufff9-\ufffb]"
#: Everything that looks blank, except the intentional spaces of Ogham and Chinese.
_BLANKS = r"[[\p{Zs}\t\u3164\uffa0\u2800]--[\u1680\u3000]]"
#: Reserved for Han ideographs: a new one is a letter even before the tables list it.
_IDEOGRAPHIC = r"[\U00020000-\U0002fffd\U00030000-\U0003fffd]"


def _compile(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.V1)


#: Fast path: matches nearly every name.
_ORDINARY = _compile(r"[[\p{L}\p{M}\p{N}\p{P}\p{S}\x20\u1680\u3000]--[\p{DI}\u2800]]+")
_BLANK = _compile(_BLANKS)
_IGNORED = _compile(
    rf"[[\p{{DI}}{_ANNOTATIONS}]--{_JOINERS}--{_OVERRIDES}--[{_VARIATION_SELECTORS}]--{_BLANKS}]"
)
_JOINED = rf"[[\p{{L}}\p{{M}}\p{{N}}\p{{So}}\p{{Sk}}]--{_JOINERS}]"
#: Joiners that join nothing. After a virama a joiner reshapes the letter before it, even at the
#: end of a word, and is kept.
_LOOSE_JOINERS = _compile(
    rf"(?<!{_JOINED}){_JOINERS}+|(?<!\p{{ccc=Virama}}){_JOINERS}+(?!{_JOINED}|{_JOINERS})"
)
_LOOSE_SELECTORS = _compile(rf"(?<![\p{{L}}\p{{M}}\p{{N}}\p{{P}}\p{{S}}]){_VARIATION_SELECTORS}+")
_ENDS = " \t\n\v\f\r\x85\u1680\u2028\u2029\u3000\u202d\u202e"
_OVERRIDE = _compile(_OVERRIDES)
#: Control characters, line ends, surrogates, private use and unassigned code points.
_FORBIDDEN = _compile(rf"[[\p{{C}}\p{{Zl}}\p{{Zp}}]--\p{{Cf}}--{_IDEOGRAPHIC}]")
_VISIBLE = _compile(rf"[[\p{{L}}\p{{N}}\p{{P}}\p{{S}}{_IDEOGRAPHIC}]--[\p{{DI}}\u2800]]")


def parse_name(text: str) -> str:
    """Return the name in normal form C, without surrounding blanks and invisible characters.

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
    """Raises: ValidationError for characters that are illegible or misleading."""
    if _OVERRIDE.search(name):
        raise invalid(
            "name_direction", "must not contain characters that reverse the direction of the text"
        )
    if _FORBIDDEN.search(name):
        raise invalid("name_characters", "must not contain control or undefined characters")


def _too_long() -> Exception:
    return invalid("name_too_long", f"must have at most {MAX_NAME} characters")
