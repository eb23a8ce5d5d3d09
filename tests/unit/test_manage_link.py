from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode

import pytest

from clinic.domain.manage_link import is_link_code, link_code

SECRET, OLD = "a secret of the clinic", "one that was before"
ID = "6f1c1f0e-4a52-4b1e-9f0a-5b6f0f8a7c11"
SALT = bytes(range(32))
CODE = link_code(SECRET, ID, SALT)


def test_a_code_is_43_url_safe_characters() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", CODE)


def test_a_code_is_the_documented_hmac() -> None:
    expected = hmac.digest(SECRET.encode(), f"manage:{ID}:".encode() + SALT, hashlib.sha256)
    assert urlsafe_b64decode(CODE + "=") == expected


def test_a_code_comes_again_from_the_same() -> None:
    assert link_code(SECRET, ID, SALT) == CODE
    assert is_link_code(CODE, [SECRET], ID, SALT)


def test_each_part_makes_another_code() -> None:
    other_id = ID.replace("6", "7")
    others = [
        link_code(OLD, ID, SALT),
        link_code(SECRET, other_id, SALT),
        link_code(SECRET, ID, SALT[:-1]),
    ]
    assert len({CODE, *others}) == 4
    assert not is_link_code(CODE, [SECRET], other_id, SALT)


def test_while_a_secret_is_replaced_both_are_accepted() -> None:
    for made_with in (SECRET, OLD):
        assert is_link_code(link_code(made_with, ID, SALT), [SECRET, OLD], ID, SALT)


def test_a_secret_that_is_gone_opens_nothing() -> None:
    assert not is_link_code(link_code(OLD, ID, SALT), [SECRET], ID, SALT)


@pytest.mark.parametrize("given", ["", "ñ", "x" * 5000, CODE[:-1], CODE + "=", CODE.lower()])
def test_anything_else_opens_nothing(given: str) -> None:
    assert not is_link_code(given, [SECRET], ID, SALT)


def test_without_secrets_nothing_opens() -> None:
    assert not is_link_code(CODE, [], ID, SALT)
