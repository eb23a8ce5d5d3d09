from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from clinic.domain.booking import Status
from clinic.domain.reasons import LANGUAGES
from gateway.locale.dead_letter_texts import LETTER_TEXTS
from gateway.locale.error_texts import ERROR_TEXTS
from gateway.locale.patient_texts import TEXTS, Texts
from gateway.locale.queue_texts import QUEUE_TEXTS
from gateway.locale.staff_texts import STAFF_TEXTS

PARTS = (TEXTS, ERROR_TEXTS, STAFF_TEXTS, LETTER_TEXTS, QUEUE_TEXTS)
SPANISH, ENGLISH = (
    {key: text for part in PARTS for key, text in part[language].items()}
    for language in ("es", "en")
)
GATEWAY = Path(__file__).parents[2] / "gateway"


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_there_are_words_for_each_language_of_the_house() -> None:
    assert all(set(part) == set(LANGUAGES) for part in PARTS)


def test_no_word_has_two_places() -> None:
    assert len(SPANISH) == sum(len(part["es"]) for part in PARTS)


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
