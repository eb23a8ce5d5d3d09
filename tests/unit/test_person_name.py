"""Which names are accepted, and as what they are kept."""

from __future__ import annotations

import time
import unicodedata
from functools import cache

import pytest
import regex
from hypothesis import assume, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from clinic.contracts.field_errors import code_of
from clinic.contracts.values.person_name import MAX_NAME, parse_name

#: From some scripts with joiners, with marks that are vowels, and newer than Python's tables.
SCRIPTS = (
    *("Arabic", "Armenian", "Bengali", "Canadian_Aboriginal", "Cherokee", "Cyrillic", "Devanagari"),
    *("Ethiopic", "Georgian", "Greek", "Gujarati", "Gurmukhi", "Han", "Hangul", "Hebrew"),
    *("Hiragana", "Kannada", "Katakana", "Khmer", "Lao", "Latin", "Malayalam", "Mongolian"),
    *("Myanmar", "Nko", "Oriya", "Sinhala", "Syriac", "Tamil", "Telugu", "Thaana", "Thai"),
    *("Tibetan", "Garay", "Gurung_Khema", "Kawi", "Kirat_Rai", "Nag_Mundari", "Ol_Onal"),
    *("Sunuwar", "Todhri", "Tulu_Tigalari", "Vithkuqi"),
)


@cache
def letters_of(script: str) -> list[str]:
    found = regex.compile(rf"[[\p{{L}}\p{{M}}]&&\p{{Script={script}}}--\p{{DI}}]", regex.V1)
    return [chr(code) for code in range(0x30000) if found.fullmatch(chr(code))]


def fault(text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        parse_name(text)
    return code_of(caught.value.messages[0])


@pytest.mark.parametrize(
    "name",
    [
        "Ana",
        "A",
        "null",
        "Null",
        "undefined",
        "Juan Pérez",
        "José María O'Shea-Muñoz",
        "O’Brien-Smith Jr.",
        "李小龍",
        "山田\u3000太郎",
        "عبد الله",
        "Zoë 2nd",
        "X Æ A-12",
        "😀",
        "👩\u200d👧",
        "<b>Ana</b>",
        "{{ 7 * 7 }}",
        "$ne",
        "Gal·la",
        "x" * MAX_NAME,
        "علی\u200cرضا رضایی",  # Persian, zero width non-joiner
        "ශ්\u200dරී",  # Sinhala, zero width joiner
        "രാജന്\u200d",  # Malayalam, at the end of a word after a virama
        "রহমান র্\u200dযাব",
        "王\U0002ebf0",  # CJK extension I, Unicode 15.1
        "王\U000323b0",  # CJK extension J, Unicode 17
        "王\U0003aaaa",  # set aside for ideographs of a later version
        "葛\U000e0100城",  # ideographic variation sequence
        "葛\U000e0100",
        "ᠰᠠᠷ\u180eᠠ",  # Mongolian vowel separator
        "\U00016d43\U00016d44",  # Kirat Rai, Unicode 16
    ],
    ids=ascii,
)
def test_a_name_is_kept_as_it_is_written(name: str) -> None:
    assert parse_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Jose\u0301  ", "José"),
        ("\u2068Ana Prueba\u2069", "Ana Prueba"),
        ("Ana\u200b", "Ana"),
        ("\ufeffAna", "Ana"),
        ("\tAna\r\n", "Ana"),
        ("Ana\tPrueba", "Ana Prueba"),
        ("\u00a0Ana\u00a0Prueba\u2003", "Ana Prueba"),
        ("\u200eعلي\u200f", "علي"),
        ("\u202aAna\u202c", "Ana"),
        ("\u202dAna\u202c", "Ana"),
        ("A\u00adna", "Ana"),
        ("An\u2060a", "Ana"),
        ("علی\u200c", "علی"),
        ("\u200dعلی", "علی"),
        ("علی\u200c رضا", "علی رضا"),
        ("Ana \ufe0f", "Ana"),
        ("\u3164Ana\u3164Ruiz", "Ana Ruiz"),
        ("e\u200b\u0301", "é"),
        ("e\u0301" * MAX_NAME, "é" * MAX_NAME),
    ],
    ids=ascii,
)
def test_what_was_copied_along_is_dropped(text: str, name: str) -> None:
    assert parse_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\t\n", "\u00a0", "\u2003\u3000", "\u200b", "\u200d", "\u200c\u200d", "\ufe0f"),
        *("\u3164", "\uffa0", "\u115f\u1160", "\u2800\u2800", "\u0301", "\u00ad", "\u202e"),
        *("\U000e0100", "\u034f", "\u061c", "\u180e", "\U000e0041", "\u17b4"),
    ],
    ids=ascii,
)
def test_a_name_that_shows_nothing_is_blank(text: str) -> None:
    assert fault(text) == "name_blank"


@pytest.mark.parametrize("override", ["\u202d", "\u202e"], ids=ascii)
def test_a_name_that_is_shown_in_reverse_is_refused(override: str) -> None:
    assert fault(f"An{override}a Ruiz") == "name_direction"


@pytest.mark.parametrize(
    "character",
    [
        *("\r", "\n", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\ue000"),
        *("\u0378", "\uffff", "\U0001ffff", "\U0002ffff", "\U000f0000", "\U0010ffff"),
    ],
    ids=ascii,
)
def test_control_and_undefined_characters_are_refused(character: str) -> None:
    assert fault(f"Ana{character}Bcc x") == "name_characters"


@pytest.mark.parametrize("size", [MAX_NAME + 1, 4 * MAX_NAME, 4 * MAX_NAME + 1, 10_000])
def test_a_long_name_is_refused(size: int) -> None:
    assert fault("x" * size) == "name_too_long"


def test_a_name_of_many_accents_is_refused_before_they_are_put_in_order() -> None:
    hostile = "x" + "\u0301" * 3950 + "\u0316" * 3950
    begin = time.process_time()
    unicodedata.normalize("NFC", hostile)
    ordering = time.process_time() - begin
    begin = time.process_time()
    assert fault(hostile) == "name_too_long"
    assert time.process_time() - begin < ordering / 5


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_letter_of_a_script_may_be_part_of_a_name(script: str) -> None:
    letters = letters_of(script)
    assert letters
    for begin in range(0, len(letters), 100):
        name = "x" + "".join(letters[begin : begin + 100])
        assert parse_name(name) == unicodedata.normalize("NFC", name)


@given(
    st.sampled_from(SCRIPTS).flatmap(
        lambda script: st.lists(st.sampled_from(letters_of(script)), min_size=1, max_size=MAX_NAME)
    )
)
def test_letters_and_marks_of_a_script_are_a_name(characters: list[str]) -> None:
    name = "".join(characters)
    assume(regex.search(r"\p{L}", name))
    assume(len(unicodedata.normalize("NFC", name)) <= MAX_NAME)
    assert parse_name(name) == unicodedata.normalize("NFC", name)


@given(st.text(max_size=300))
def test_a_name_that_was_read_is_read_the_same_again(text: str) -> None:
    try:
        name = parse_name(text)
    except ValidationError:
        return
    assert parse_name(name) == name
