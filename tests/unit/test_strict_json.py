from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.contracts.strict_json import MAX_DEPTH, InvalidJson, dumps, loads

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(VALUES)
def test_what_is_written_reads_back_equal(value: Any) -> None:
    assert loads(dumps(value)) == value


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        pytest.param(b"", "Expecting value", id="empty"),
        pytest.param(b"{", "at character", id="unfinished"),
        pytest.param(b"{} {}", "Extra data", id="two values"),
        pytest.param(b"{'a': 1}", "at character", id="single quotes"),
        pytest.param(b"[1,]", "at character", id="trailing comma"),
        pytest.param(b"NaN", "NaN is not", id="NaN"),
        pytest.param(b"[Infinity]", "Infinity is not", id="Infinity"),
        pytest.param(b'{"a": -Infinity}', "-Infinity is not", id="-Infinity"),
        pytest.param(b"1e999", "number is too large", id="a number that is infinite"),
        pytest.param(b'{"a": [-1e999]}', "number is too large", id="one deep inside"),
        pytest.param(b"1" * 5000, "number is too large", id="5000 digits"),
        pytest.param(b'{"a": 1, "a": 1}', "repeated", id="repeated key"),
        pytest.param(b'[{"b": {"a": 1, "a": 2}}]', "repeated", id="repeated key inside"),
        pytest.param(b'{"a": 1, "\\u0061": 1}', "repeated", id="repeated key, escaped"),
        pytest.param(b'"\xff"', "UTF-8", id="bytes that are no UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', "UTF-8", id="raw surrogate"),
        pytest.param(b'"\\ud800"', "UTF-8", id="escaped surrogate"),
        pytest.param(b'{"\\udfff": 1}', "UTF-8", id="escaped surrogate in a key"),
        pytest.param(b'"\\ude00\\ud83d"', "UTF-8", id="surrogates the wrong way round"),
        pytest.param('"ñ"'.encode("utf-16"), "UTF-8", id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbf{}", "at character 0", id="two BOMs"),
        pytest.param(b"[" * 10_000, "too deep", id="deep array"),
        pytest.param(b'{"a":' * 10_000, "too deep", id="deep object"),
        pytest.param(b"[" * 10_000 + b"]" * 10_000, "too deep", id="deep and closed"),
        pytest.param(b'"a\nb"', "control character", id="raw control character"),
        pytest.param(b'"\\x"', "escape", id="unknown escape"),
    ],
)
def test_what_is_no_plain_json_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(InvalidJson, match=complaint):
        loads(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'"\\ud83d\\ude00"', "😀"),
        ('"ñ"'.encode(), "ñ"),
        (b" [1, 2.5, true, null] ", [1, 2.5, True, None]),
        (b'{"a": {"a": 1}}', {"a": {"a": 1}}),
        (b'"\\u0000"', "\0"),
        (b"1" * 300, int("1" * 300)),
        (b"[" * 100 + b"]" * 100, loads(b"[" * 100 + b"]" * 100)),
    ],
    ids=["a pair of surrogates", "ñ", "spaces", "same key, other level", "NUL", "long", "nested"],
)
def test_unusual_json_is_still_json(data: bytes, value: Any) -> None:
    assert loads(data) == value


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 5_000, 200_000])
def test_more_levels_than_allowed_are_refused_by_every_python(levels: int, opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    loads(opening * MAX_DEPTH + b"1" + closing * MAX_DEPTH)
    with pytest.raises(InvalidJson, match="nesting"):
        loads(opening * levels + b"1" + closing * levels)


def test_many_values_beside_each_other_are_not_deep() -> None:
    assert loads(b"[" + b"[{}]," * 500 + b"{}]") == [[{}]] * 500 + [{}]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = loads(data)
    except InvalidJson:
        return
    dumps(value)


@pytest.mark.parametrize(
    "data", [b'{"secret": tru}', b'{"secret": 1, "secret": 2}', b'"secret\\ud800"', b'"secret\n"']
)
def test_a_refusal_does_not_quote_the_content(data: bytes) -> None:
    with pytest.raises(InvalidJson) as caught:
        loads(data)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_it_writes_compact_utf_8() -> None:
    assert (
        dumps({"name": "Juan Pérez", "n": [1, None]})
        == '{"name":"Juan Pérez","n":[1,null]}'.encode()
    )


def test_it_writes_no_infinity() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        dumps(float("inf"))


def test_a_bom_before_the_text_is_ignored() -> None:
    assert loads(b'\xef\xbb\xbf{"a":1}') == {"a": 1}
