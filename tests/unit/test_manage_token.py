from __future__ import annotations

import re

import pytest

from clinic.domain.manage_token import (
    BookingCredentials,
    create_credentials,
    derive_credentials,
    fingerprint,
)


def test_a_token_is_43_url_safe_characters() -> None:
    for token, _ in (create_credentials(), create_credentials("a key", b"{}")):
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)


def test_tokens_differ_even_under_one_key() -> None:
    tokens = {create_credentials()[0] for _ in range(20)} | {
        create_credentials("key", b"{}")[0] for _ in range(20)
    }
    assert len(tokens) == 40


def test_the_token_comes_again_from_its_key_and_salt() -> None:
    token, access = create_credentials("key", b"{}")
    assert derive_credentials(access.salt, "key") == token
    assert derive_credentials(access.salt, "other") != token


def test_neither_salt_nor_what_is_stored_gives_a_token_without_the_key() -> None:
    token, access = create_credentials("key", b"{}")
    stored = [access.token_fingerprint, access.key_fingerprint, access.request_fingerprint, ""]
    assert token not in {derive_credentials(access.salt, secret or "") for secret in stored}


def test_only_fingerprints_are_stored() -> None:
    token, access = create_credentials("a visible key", b'{"patientName":"Ana"}')
    kept = repr(access)
    assert token not in kept
    assert "a visible key" not in kept
    assert "Ana" not in kept
    assert access.token_fingerprint == fingerprint(token)


def test_a_token_without_a_key_is_stored_as_a_fingerprint_too() -> None:
    token, access = create_credentials()
    assert token not in repr(access)
    assert access.token_fingerprint == fingerprint(token)


def test_without_a_key_nothing_of_the_request_is_kept() -> None:
    _, access = create_credentials(None, b"{}")
    assert (access.key_fingerprint, access.request_fingerprint) == (None, None)


def test_the_same_key_and_body_leave_the_same_fingerprints() -> None:
    def prints(key: str, body: bytes) -> tuple[str | None, str | None]:
        access = create_credentials(key, body)[1]
        return access.key_fingerprint, access.request_fingerprint

    assert prints("key", b"{}") == prints("key", b"{}")
    assert prints("key", b"{}")[0] != prints("Key", b"{}")[0]
    assert prints("key", b"{}")[1] != prints("key", b"{ }")[1]


@pytest.mark.parametrize("secret", ["", "key", "ñ", "x" * 200])
def test_a_fingerprint_is_the_sha_256_in_hex(secret: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", fingerprint(secret))
    assert fingerprint(secret) == fingerprint(secret)


def test_access_has_32_random_bytes_of_salt() -> None:
    salts = {create_credentials("key", b"{}")[1].salt for _ in range(5)}
    assert {len(salt) for salt in salts} == {32}
    assert len(salts) == 5


def test_access_equals_by_value() -> None:
    assert BookingCredentials(b"s", "t") == BookingCredentials(b"s", "t", None, None)


def test_a_booking_is_opened_by_its_token_alone() -> None:
    token, access = create_credentials()
    assert access.is_opened_by(token)
    assert not any(
        access.is_opened_by(wrong) for wrong in (create_credentials()[0], token[:-1], "", "ñ")
    )
