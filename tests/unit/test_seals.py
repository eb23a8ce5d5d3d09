from __future__ import annotations

from gateway.seals import Seals

ONE, OTHER = "one-key", "another-key"


def test_processes_that_read_the_keys_in_another_order_agree() -> None:
    assert Seals([ONE, OTHER]).secrets == Seals([OTHER, ONE]).secrets


def test_each_key_has_a_mark_of_its_own_that_outlives_the_others() -> None:
    marks = [Seals([ONE, OTHER]).mark(each) for each in (ONE, OTHER)]
    assert len(set(marks)) == 2
    assert [Seals([ONE]).has_made(str(each)) for each in marks] == [True, False]


def test_what_is_no_key_has_no_mark() -> None:
    seals = Seals([ONE])
    assert [seals.mark(each) for each in ("", "one", "one-key ", "ñ")] == [None] * 4
    assert not seals.has_made("")


def test_neither_secret_nor_mark_tells_the_key() -> None:
    seals = Seals([ONE])
    assert ONE not in f"{seals.secrets} {seals.mark(ONE)}"
    assert seals.mark(ONE) not in seals.secrets


def test_without_keys_there_is_nothing_to_sign_with() -> None:
    assert not Seals([])
    assert not Seals([]).has_made("")
