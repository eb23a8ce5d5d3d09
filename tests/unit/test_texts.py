from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from clinic.booking import Status
from clinic.reasons import LANGUAGES
from gateway.staff_texts import STAFF_TEXTS
from gateway.texts import TEXTS, Texts

SPANISH, ENGLISH = (TEXTS[language] | STAFF_TEXTS[language] for language in ("es", "en"))
GATEWAY = Path(__file__).parents[2] / "gateway"


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_there_are_words_for_each_language_of_the_house() -> None:
    assert set(TEXTS) == set(STAFF_TEXTS) == set(LANGUAGES)


def test_the_words_of_the_staff_are_not_those_of_the_patients() -> None:
    assert not TEXTS["es"].keys() & STAFF_TEXTS["es"].keys()


def test_each_language_says_the_same_things_in_the_same_order() -> None:
    assert list(SPANISH) == list(ENGLISH)


@pytest.mark.parametrize("key", SPANISH)
def test_a_text_is_told_the_same_in_each_language(key: str) -> None:
    assert holes(SPANISH[key]) == holes(ENGLISH[key])
    assert SPANISH[key].strip()
    assert ENGLISH[key].strip()


@pytest.mark.parametrize("status", list(Status))
def test_each_status_has_its_words(status: Status) -> None:
    for key in (status.value, f"step_{status.value}"):
        assert key in SPANISH


def test_templates_ask_for_no_text_that_there_is_not() -> None:
    asked = {
        key
        for file in (GATEWAY / "templates").rglob("*.html")
        for key in re.findall(r't\("(\w+)"(?! ~)', file.read_text())
    }
    assert asked <= set(SPANISH)


def test_holes_are_filled() -> None:
    assert Texts("en")("free_many", count=3) == "3 free"
