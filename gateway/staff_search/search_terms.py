"""The terms of a search, normalized once for all comparisons."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.staff_search.name_folding import FoldedName, fold, folded_name, spellings, split_words

#: Separators as in "surname, name", also Arabic and Chinese ones.
_BETWEEN_TERMS = re.compile(r"[\s,;،؛、，；]+")


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """One word: `as_name` has the parts of each spelling; `as_email` is compared whole."""

    as_name: tuple[tuple[str, ...], ...]
    as_email: tuple[str, ...]
    is_email: bool

    @classmethod
    def of(cls, word: str) -> SearchTerm:
        is_email = "@" in word
        parts = () if is_email else (tuple(split_words(text)) for text in spellings(word))
        return cls(tuple(filter(None, parts)), (word.casefold(), fold(word)), is_email)

    def matches(self, name: FoldedName, email: str) -> bool:
        return any(text in email for text in self.as_email) or any(
            all(map(name.contains, parts)) for parts in self.as_name
        )


@dataclass(frozen=True, slots=True)
class SearchTerms:
    terms: tuple[SearchTerm, ...]

    @classmethod
    def of(cls, text: str) -> SearchTerms:
        words = dict.fromkeys(_BETWEEN_TERMS.split(text))
        terms = [SearchTerm.of(word) for word in words]
        return cls(tuple(term for term in terms if term.as_name or term.is_email))

    def match(self, name: str, email: str) -> bool:
        """Whether the name or e-mail address contains each term, in any order."""
        if not self.terms:
            return True
        folded, address = folded_name(name), _folded_email(email)
        return all(term.matches(folded, address) for term in self.terms)


def _folded_email(email: str) -> str:
    return email.lower() if email.isascii() else f"{email.casefold()} {fold(email)}"
