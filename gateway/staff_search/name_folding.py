"""Writes names the same way however they are typed, so that a search finds them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import regex
from anyascii import anyascii

#: Typed in a dozen ways, or left out.
_APOSTROPHES = "'`´’‘‛ʼʻʽʾʿˈ′＇‵ՙ՚׳"
_WITHOUT_APOSTROPHES = str.maketrans("", "", _APOSTROPHES)
#: Accents, vowel points and what shows nothing. Dropped before a text is decomposed, too: to put
#: many accents in order takes quadratic time.
_DROPPED = regex.compile(
    rf"[\p{{Default_Ignorable_Code_Point}}[^\p{{ccc=Not_Reordered}}]{_APOSTROPHES}]+", regex.V1
)
#: The same letter of Arabic and Persian keyboards, which `anyascii` tells apart.
_LETTERS = str.maketrans({"\u0649": "\u064a"})
#: How people write who lack the letters.
_LONG = regex.compile("[äöüåøæ]")
_LONG_FORMS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
#: Other signs are kept: who searches for "Jos%" or ".*" looks for just that.
_SEPARATORS = regex.compile(r'[\s\p{Pd}\p{Pi}\p{Pf}.·・･:/()_"]+')
#: Their transliterations are so short that every other name would contain them.
_SYLLABLES = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Yi}]")


def fold(text: str) -> str:
    """Transliterate to lower-case ASCII, without accents and apostrophes: "Łukasz" to "lukasz"."""
    return _transliterated(_without_marks(text))


def spellings(word: str) -> tuple[str, ...]:
    """Return the ways in which a word of a search may be written in a name."""
    bare = _without_marks(word)
    if _SYLLABLES.search(word):
        return (bare,)
    return _unique(_transliterated(bare), *_expanded(word))


def split_words(text: str) -> list[str]:
    return _SEPARATORS.sub(" ", text).split()


@dataclass(frozen=True, slots=True)
class FoldedName:
    """A name as it may be searched for: with blanks between its words, and without them."""

    spellings: tuple[str, ...]

    @classmethod
    def of(cls, name: str) -> FoldedName:
        bare = _without_marks(name)
        ways = (bare,) if bare.isascii() else (bare, _transliterated(bare))
        words = [_SEPARATORS.sub(" ", way) for way in _unique(*ways, *_expanded(name))]
        return cls(_unique(*words, *(each.replace(" ", "") for each in words)))

    def contains(self, word: str) -> bool:
        return any(word in each for each in self.spellings)


#: One search looks at so many names at most, and the next one mostly at the same.
folded_name = lru_cache(maxsize=8192)(FoldedName.of)


def _transliterated(bare: str) -> str:
    return bare if bare.isascii() else anyascii(bare).translate(_WITHOUT_APOSTROPHES).lower()


def _expanded(text: str) -> tuple[str, ...]:
    """As people write it who lack the letters: "Mueller". Nothing where there are none."""
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
