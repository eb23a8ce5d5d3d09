"""Each fault of a name or an address has its text on pages and in answers."""

from __future__ import annotations

import re
from pathlib import Path

from clinic.contracts import email_address, person_name
from gateway.locale.field_texts import FIELD_TEXTS, field_texts

_CODE = re.compile(r'"((?:name|email)_[a-z_]+)"')


def test_every_fault_has_a_text_in_both_languages() -> None:
    sources = (Path(module.__file__).read_text("utf-8") for module in (email_address, person_name))
    codes = {code for source in sources for code in _CODE.findall(source)}
    assert codes == set(FIELD_TEXTS["es"]) == set(FIELD_TEXTS["en"])


def test_texts_are_told_once_and_in_order() -> None:
    texts = FIELD_TEXTS["en"]
    codes = ["name_link", "invalid", "email_no_at", "name_link"]
    assert field_texts(codes, "en") == [texts["name_link"], texts["email_no_at"]]
