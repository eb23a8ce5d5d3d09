"""Normalizes names, so that a search finds them however they are typed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import regex
from anyascii import anyascii

#: All are dropped: people type them differently, or omit them.
_APOSTROPHES = "'`´’‘‛ʼʻʽʾʿˈ′＇‵ՙ՚׳"
_WITHOUT_APOSTROPHES = str.maketrans("", "", _APOSTROPHES)
#: Accents, vowel points and invisible characters. Dropped before decomposition too, because sorting
#: many accents takes quadratic time.
_DROPPED = regex.compile(
    rf"[\p{{Default_Ignorable_Code_Point}}[^\p{{ccc=Not_Reordered}}]{_APOSTROPHES}]+", regex.V1
)
#: The same letter on Arabic and Persian keyboards, which `anyascii` maps differently.
_LETTERS = str.maketrans({"\u0649": "\u064a"})
#: The usual spelling on keyboards without these letters.
_LONG = regex.compile("[äöüåøæ]")
_LONG_FORMS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
#: Other signs are kept: a search for "Jos%" or ".*" is literal.
_SEPARATORS = regex.compile(r'[\s\p{Pd}\p{Pi}\p{Pf}.·・･:/()_"]+')
#: Scripts with transliterations so short that many unrelated names contain them.
_SYLLABLES = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Yi}]")


def fold(text: str) -> str:
    """Transliterate to lower-case ASCII, without accents and apostrophes: "Łukasz" to "lukasz"."""
    return _transliterated(_without_marks(text))


def spellings(word: str) -> tuple[str, ...]:
    """Return the possible spellings of a search word in a name."""
    bare = _without_marks(word)
    if _SYLLABLES.search(word):
        return (bare,)
    return _unique(_transliterated(bare), *_expanded(word))


def split_words(text: str) -> list[str]:
    return _SEPARATORS.sub(" ", text).split()


@dataclass(frozen=True, slots=True)
class FoldedName:
    """The spellings of a name, each with and without spaces between its words."""

    spellings: tuple[str, ...]

    @classmethod
    def of(cls, name: str) -> FoldedName:
        bare = _without_marks(name)
        written = (bare,) if bare.isascii() else (bare, _transliterated(bare))
        words = [_SEPARATORS.sub(" ", text) for text in _unique(*written, *_expanded(name))]
        return cls(_unique(*words, *(text.replace(" ", "") for text in words)))

    def contains(self, word: str) -> bool:
        return any(word in text for text in self.spellings)


#: Holds more names than one search reads; the next search mostly reads the same.
folded_name = lru_cache(maxsize=8192)(FoldedName.of)


def _transliterated(bare: str) -> str:
    return bare if bare.isascii() else anyascii(bare).translate(_WITHOUT_APOSTROPHES).lower()


def _expanded(text: str) -> tuple[str, ...]:
    """Return the spelling without umlauts and the like, such as "mueller", if there are any."""
    if text.isascii():
        return ()
    written = unicodedata.normalize("NFC", text.casefold())
    return (fold(written.translate(_LONG_FORMS)),) if _LONG.search(written) else ()


def _without_marks(text: str) -> str:
    """Drop accents, vowel points and invisible characters; letters stay in their script."""
    if text.isascii():
        return text.lower().translate(_WITHOUT_APOSTROPHES)
    plain = _DROPPED.sub("", text.casefold().translate(_LETTERS))
    apart = unicodedata.normalize("NFKD", plain).translate(_LETTERS)
    return unicodedata.normalize("NFC", _DROPPED.sub("", apart))


def _unique(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
