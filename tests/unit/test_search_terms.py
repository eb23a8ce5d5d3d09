"""The staff find people however their names are typed."""

from __future__ import annotations

import time

import pytest

from gateway.staff_search.name_folding import folded_name
from gateway.staff_search.search_form import MAX_TEXT, SearchForm
from gateway.staff_search.search_terms import SearchTerms

EMAIL = "ana.o'hara@example.com"


def finds(text: str, name: str, email: str = EMAIL) -> bool:
    return SearchTerms.of(text).match(name, email)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Łukasz Wójcik", "Lukasz Wojcik"),
        ("Lukasz Wojcik", "ŁUKASZ WÓJCIK"),
        ("Søren Ærø", "soren aero"),
        ("Đặng Nguyễn", "dang nguyen"),
        ("Weiß", "Weiss"),
        ("Weiss", "WEIẞ"),
        ("Işık İbrahim", "isik ibrahim"),
        ("Müller", "Muller"),
        ("Müller", "Mueller"),
        ("Mueller", "Müller"),
        ("Muller", "Müller"),
        ("Müller", "Mu\u0308ller"),
        ("Sören Åberg", "Soeren Aaberg"),
        ("Núñez", "NUNEZ"),
        ("Nunez", "Núñez"),
        ("Sinéad O’Connor", "O'Connor"),
        ("Sinéad O'Connor", "o’connor"),
        ("Sinéad O´Connor", "OConnor"),
        ("Sinéad OʼConnor", "O`Connor"),
        ("Kaʻiulani", "kaiulani"),
        ("D'Angelo", "d angelo"),
        ("Jorge Pérez", "Pérez, Jorge"),
        ("Jorge Pérez García", "García Jorge"),
        ("Jorge Pérez", "per; jor"),
        ("Jean\u2011Paul", "Jean-Paul"),
        ("Jean-Paul", "Jean\u2013Paul"),
        ("Jean-Paul", "jean paul"),
        ("Jean Paul", "jeanpaul"),
        ("J.R.R. Tolkien", "jrr tolkien"),
        ("ﬁona", "fiona"),
        ("علی کریمی", "علي كريمي"),
        ("على", "علی"),
        ("علی\u200cرضا", "علی رضا"),
        ("علی\u200cرضا", "علیرضا"),
        ("علی رضا", "علی\u200cرضا"),
        ("علیرضا", "علی\u200cرضا"),
        ("فاطمة", "فاطمه"),
        ("أحمد", "احمد"),
        ("رضائی", "رضایی"),
        ("مُحَمَّد", "محمـــد"),
        ("علی ۱۲", "علي ١٢"),
        ("Дмитрий", "дмитрий"),
        ("ΓΙΏΡΓΟΣ", "Γιωργος"),
        ("李小龍", "小龍"),
        ("葛\U000e0100", "葛"),
        ("山田\u3000太郎", "山田太郎"),
        ("김철수", "철수"),
        ("ガブリエル", "ｶﾞﾌﾞﾘｴﾙ"),
        ("राम", "राम"),
        ("Ana\u00adRuiz", "anaruiz"),
        ("Ana", ""),
        ("Ana", "-"),
    ],
    ids=ascii,
)
def test_a_name_is_found_however_it_is_typed(name: str, text: str) -> None:
    assert finds(text, name)


@pytest.mark.parametrize(
    "text", ["ana.o", "@example", "ANA.O'HARA@EXAMPLE.COM", "hara@", "ana.o'hara@example.com,"]
)
def test_an_address_is_found_by_a_part(text: str) -> None:
    assert finds(text, "Jorge Pérez")


def test_an_address_with_an_accented_domain_is_found_without() -> None:
    assert finds("ana@munchen", "Ana", "ana@münchen.de")
    assert finds("ana@münchen", "Ana", "ana@münchen.de")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Jorge Pérez", "Jorge Ruiz"),
        ("Felipe", "李"),
        ("Ana Ruiz", "ana@ruiz"),
        ("علی", "رضا"),
        ("Marta", "María"),
    ],
    ids=ascii,
)
def test_other_people_are_not_found(name: str, text: str) -> None:
    assert not finds(text, name)


@pytest.mark.parametrize("text", ["garcia zz", "x" + "\u0301" * 126 + "\u0316" * 127, "é " * 127])
def test_thousands_of_names_are_compared_in_well_under_a_second(text: str) -> None:
    terms = SearchTerms.of(text)
    folded_name.cache_clear()
    begin = time.process_time()
    for number in range(5_000):
        terms.match(f"José María García Fernández {number}", EMAIL)
    assert time.process_time() - begin < 1


def test_a_text_is_limited_before_it_is_looked_at() -> None:
    assert SearchForm.of({"text": "x" * (MAX_TEXT + 1)}).is_too_long()
    assert not SearchForm.of({"text": "x" * MAX_TEXT}).is_too_long()


@pytest.mark.parametrize(
    "text",
    [
        "1f2e3d4c",
        "#1f2e3d4c",
        "1F2E3D4C",
        " 1f2e 3d4c ",
        "Ref 1f2e3d4c",
        "Ref. 1F2E3D4C.",
        "REF:#1f2e3d4c",
        "ref1f2e3d4c",
        "Referencia: 1f2e3d4c",
        "reference=1f2e3d4c",
        "Cita 1f2e3d4c",
        "Nº 1f2e3d4c",
        "(1f2e3d4c)",
        "«1f2e3d4c»",
        "1f2e3d4c\u200b",
    ],
    ids=ascii,
)
def test_a_reference_is_read_with_what_is_written_around_it(text: str) -> None:
    assert SearchForm(text, "", "", "").reference() == "1f2e3d4c"


ID = "1f2e3d4c-0000-4000-8000-0123456789ab"


@pytest.mark.parametrize(
    "text",
    [
        ID.upper(),
        ID.replace("-", ""),
        ID.replace("-", "\u2011"),
        f"{{{ID}}}",
        f"urn:uuid:{ID.upper()}",
        f"Ref.: {ID}",
        f"https://clinic.example/cita/{ID}#Zm9v",
    ],
    ids=ascii,
)
def test_a_whole_id_is_read_however_it_is_written(text: str) -> None:
    assert SearchForm(text, "", "", "").reference() == ID


@pytest.mark.parametrize("text", ["", "Refugio", "Ada Beda Decade", "1f2e3d4", "Ana 1f2e3d4c", "é"])
def test_a_name_is_no_reference(text: str) -> None:
    assert SearchForm(text, "", "", "").reference() is None
