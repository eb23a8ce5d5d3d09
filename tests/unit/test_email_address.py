"""Which addresses are accepted, and as what they are kept."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from clinic.contracts.field_errors import code_of
from clinic.contracts.values.email_address import MAX_EMAIL, MAX_LOCAL_PART, parse_email_address


def fault(text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        parse_email_address(text)
    return code_of(caught.value.messages[0])


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("juan@example.com", "juan@example.com"),
        ("Juan.Perez+clinic@EXAMPLE.com", "Juan.Perez+clinic@example.com"),
        ("ana@münchen.de", "ana@münchen.de"),
        ("ana@MÜNCHEN.de", "ana@münchen.de"),
        ("ana@xn--mnchen-3ya.de", "ana@münchen.de"),
        ("ana@clínica.es", "ana@clínica.es"),
        ("a@" + "b" * 60 + ".com", "a@" + "b" * 60 + ".com"),
        ("o'hara@example.com", "o'hara@example.com"),
        ("a" * MAX_LOCAL_PART + "@example.com", "a" * MAX_LOCAL_PART + "@example.com"),
        (" juan@example.com", "juan@example.com"),
        ("juan@example.com ", "juan@example.com"),
        ("\tjuan@example.com\r\n", "juan@example.com"),
        ("\u00a0juan@example.com\u3000", "juan@example.com"),
        ("juan@example.com\u200b", "juan@example.com"),
        ("\ufeffjuan@example.com", "juan@example.com"),
        ("\u2068juan@example.com\u2069", "juan@example.com"),
        ("\u202ajuan@example.com\u202c", "juan@example.com"),
        ("juan＠example.com", "juan@example.com"),
        ("ｊｕａｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "juan@example.com"),
        ("juan@example。com", "juan@example.com"),
        (" " * 200 + "juan@example.com", "juan@example.com"),
    ],
    ids=ascii,
)
def test_an_address_is_kept_in_its_normal_form(address: str, kept: str) -> None:
    assert parse_email_address(address) == kept


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("", "email_blank"),
        (" ", "email_blank"),
        ("\u200b", "email_blank"),
        ("juan", "email_no_at"),
        ("juan@", "email_domain"),
        ("@example.com", "email_invalid"),
        ("juan@example", "email_domain"),
        ("juan@localhost", "email_domain"),
        ("juan@[127.0.0.1]", "email_domain"),
        ("juan@-example.com", "email_domain"),
        ("juan@example..com", "email_domain"),
        ("juan@" + "x" * 64 + ".com", "email_domain"),
        ("juan@\ud800.com", "email_domain"),
        ("juan@@example.com", "email_several"),
        ("juan@example.com,ana@example.com", "email_several"),
        ("juan@example.com, ana@example.com", "email_several"),
        ("juan@example.com;ana@example.com", "email_several"),
        ("juan@example.com ana@example.com", "email_several"),
        ("juan@exam ple.com", "email_spaces"),
        ("juan @example.com", "email_spaces"),
        ('"juan perez"@example.com', "email_spaces"),
        ("Juan <juan@example.com>", "email_display_name"),
        ("<juan@example.com>", "email_display_name"),
        ("everybody:;", "email_no_at"),
        ("juan@example.com\r\nBcc: ana@example.com", "email_invisible"),
        ("juan\0@example.com", "email_invisible"),
        ("juan@exam\u200bple.com", "email_invisible"),
        ("juan@exam\u200dple.com", "email_invisible"),
        ("ñ@example.com", "email_not_ascii"),
        ("josé@example.com", "email_not_ascii"),
        ("\ud800@example.com", "email_not_ascii"),
        ('"juan"@example.com', "email_invalid"),
        ("juan(comment)@example.com", "email_invalid"),
        ("mailto:juan@example.com", "email_invalid"),
        (".juan@example.com", "email_invalid"),
        ("ju..an@example.com", "email_invalid"),
        ("a" * (MAX_LOCAL_PART + 1) + "@example.com", "email_local_too_long"),
        ("A" * (MAX_LOCAL_PART + 1) + "@example.com", "email_local_too_long"),
        ("juan.perez.g@" + ".".join(["x" * 60] * 4), "email_too_long"),
        ("j" * 10_000 + "@example.com", "email_too_long"),
        (" " * 10_000 + "juan@example.com", "email_too_long"),
    ],
    ids=lambda text: ascii(text)[:50],
)
def test_what_is_not_one_address_is_refused_with_its_fault(address: str, code: str) -> None:
    assert fault(address) == code


@given(st.from_regex(r"[A-Za-z0-9.+_'-]{0,66}@[A-Za-z0-9.-]{0,20}", fullmatch=True) | st.emails())
@example("juan@localhost")
@example("POSTMASTER@example.com")
@example("postmaster@EXAMPLE.com")
@example("a" * 65 + "@example.com")
@example("a" * 70 + "@" + ".".join(["ñ" * 30] * 3) + ".es")
def test_what_is_read_quickly_is_read_as_the_library_reads_it(address: str) -> None:
    try:
        checked = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        assert fault(address).startswith("email_")
        return
    if len(checked.local_part) > MAX_LOCAL_PART:
        assert fault(address) == "email_local_too_long"
    else:
        assert parse_email_address(address) == checked.normalized


def test_an_address_of_the_greatest_length_is_accepted() -> None:
    address = "juan.12@" + ".".join(["x" * 60] * 4) + ".es"
    assert len(address) == MAX_EMAIL
    assert parse_email_address(address) == address
