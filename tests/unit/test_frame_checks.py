"""Frames that py-amqp could not decode, and those that it can."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest
from amqp.serialization import decode_properties_basic, loads

from clinic.messaging.frame_checks import MAX_RECEIVED_BYTES, UNREADABLE_HEADER, _Frames
from tests.hostile import encode, header, text

DELIVER, GET_OK = pack(">HH", 60, 60), pack(">HH", 60, 71)


class Reader:
    """Stands in for py-amqp, and keeps what reaches it."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, int, bytes]] = []
        self._checked = _Frames(self._keep)

    def _keep(self, frame: tuple[int, int, bytes]) -> bool:
        self.frames.append(frame)
        return True

    def read(self, kind: int, payload: bytes, channel: int = 1) -> bool:
        return self._checked.handle((kind, channel, payload))


@pytest.fixture
def reader() -> Reader:
    return Reader()


def head(size: int, **properties: Any) -> bytes:
    return pack(">HHQ", 60, 0, size) + encode(properties)


def short(value: bytes) -> bytes:
    return bytes((len(value),)) + value


def properties_of(payload: bytes) -> dict[str, Any]:
    return dict(decode_properties_basic(payload, 12)[0])


@pytest.mark.parametrize("key", [b"", b"a.key", "ñ".encode(), b"k" * 255, b"\xed\xa0\x80"])
@pytest.mark.parametrize("tag", [7, 200, 2**40])
def test_names_that_can_be_decoded_stay_as_they_are(reader: Reader, key: bytes, tag: int) -> None:
    deliver = DELIVER + short(b"None1") + pack(">QB", tag, 1) + short(b"exchange") + short(key)
    get_ok = GET_OK + pack(">QB", tag, 1) + short(b"exchange") + short(key) + pack(">I", 200)
    for payload in (deliver, get_ok):
        reader.read(1, payload)
    assert [frame[2] for frame in reader.frames] == [deliver, get_ok]


@pytest.mark.parametrize("key", [b"\xff\xfe", b"a.\xff", b"\xff" * 255])
def test_names_that_can_not_be_decoded_are_replaced(reader: Reader, key: bytes) -> None:
    deliver = DELIVER + short(b"None1") + pack(">QB", 200, 1) + short(b"\xff") + short(key)
    get_ok = GET_OK + pack(">QB", 200, 1) + short(b"\xff") + short(key) + pack(">I", 200)
    for payload in (deliver, get_ok):
        reader.read(1, payload)
    readable = key.replace(b"\xff", b"?").replace(b"\xfe", b"?").decode()
    delivered, got = (frame[2] for frame in reader.frames)
    assert loads("sLbss", delivered, 4)[0] == ["None1", 200, True, "?", readable]
    assert loads("Lbssl", got, 4)[0] == [200, True, "?", readable, 200]


def test_a_good_header_stays_as_it_is(reader: Reader) -> None:
    payload = head(5, content_type=b"application/json", headers=header(b"x", b"t", b"\1"))
    reader.read(2, payload)
    assert reader.frames == [(2, 1, payload)]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"content_type": b"\xff"}, "the properties can't be decoded"),
        ({"headers": header(b"x", b"T", b"\xff" * 8)}, "the properties can't be decoded"),
        ({"headers": header(b"compression", b"S", text(b"gzip"))}, "the body is compressed"),
        ({"headers": header(b"compression", b"V", b"")}, "the body is compressed"),
    ],
)
def test_a_header_that_can_not_be_used_says_why(
    reader: Reader, properties: dict[str, Any], reason: str
) -> None:
    reader.read(2, head(5, **properties))
    ((_, _, payload),) = reader.frames
    assert payload[4:12] == pack(">Q", 5)
    assert properties_of(payload)["application_headers"] == {UNREADABLE_HEADER: reason}


def test_a_sender_whose_headers_can_not_be_decoded_can_be_answered(reader: Reader) -> None:
    deep = header(b"x", b"T", b"\xff" * 8)
    reader.read(2, head(5, content_type=b"t", headers=deep, correlation_id=b"7", reply_to=b"there"))
    properties = properties_of(reader.frames[0][2])
    assert (properties["reply_to"], properties["correlation_id"]) == ("there", "7")


def test_a_body_that_is_too_large_is_skipped_and_the_next_one_is_not(reader: Reader) -> None:
    large = head(MAX_RECEIVED_BYTES + 1, reply_to=b"there")
    assert reader.read(2, large)  # the message is complete without its body
    assert not reader.read(3, b"x" * MAX_RECEIVED_BYTES)
    assert reader.read(3, b"of another channel", channel=2)
    assert not reader.read(3, b"x")
    assert reader.read(3, b"of the next message")
    header_frame, other, following = reader.frames
    assert header_frame[2][4:12] == pack(">Q", 0)
    assert properties_of(header_frame[2])["reply_to"] == "there"
    assert (other[2], following[2]) == (b"of another channel", b"of the next message")
