from __future__ import annotations

import re

from gateway.auth.staff_keys import StaffKeys

ONE, OTHER = "one-key-of-the-staff", "another-key-of-the-staff"
SECRET = b"s" * 32


def test_processes_that_read_the_keys_in_another_order_sign_alike() -> None:
    one_way, other_way = StaffKeys([ONE, OTHER]), StaffKeys([OTHER, ONE])
    assert one_way.signing_secrets(SECRET) == other_way.signing_secrets(SECRET)


def test_what_signs_depends_on_the_secret_of_the_installation_and_on_each_key() -> None:
    secrets = [
        *StaffKeys([ONE, OTHER]).signing_secrets(SECRET),
        *StaffKeys([ONE, OTHER]).signing_secrets(b"t" * 32),
    ]
    assert len(set(secrets)) == 4
    assert StaffKeys([ONE]).signing_secrets(SECRET)[0] in secrets


def test_each_key_has_an_id_of_its_own_that_outlives_the_others() -> None:
    ids = [StaffKeys([ONE, OTHER]).key_id(each) for each in (ONE, OTHER)]
    assert len(set(ids)) == 2
    assert [StaffKeys([ONE]).is_current(str(each)) for each in ids] == [True, False]


def test_an_id_is_short_and_tells_nothing_of_its_key() -> None:
    key_id = StaffKeys([ONE]).key_id(ONE)
    assert re.fullmatch("[0-9a-f]{8}", str(key_id))
    assert key_id not in StaffKeys([ONE]).signing_secrets(SECRET)[0]


def test_what_is_no_key_has_no_id() -> None:
    keys = StaffKeys([ONE])
    assert [keys.key_id(each) for each in ("", "one", f"{ONE} ", "ñ")] == [None] * 4
    assert not keys.is_current("")


def test_without_keys_nobody_is_staff() -> None:
    keys = StaffKeys([])
    assert not keys
    assert keys.key_id("") is None
    assert keys.signing_secrets(SECRET) == []
