"""Messages that an attacker with broker credentials may publish, byte by byte."""

from __future__ import annotations

import bz2
import gzip
import random
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from struct import pack
from typing import Any

from amqp.exceptions import AMQPError
from kombu import Connection

_ORDER = (
    *("content_type", "content_encoding", "headers", "delivery_mode", "priority"),
    *("correlation_id", "reply_to", "expiration", "message_id", "timestamp"),
    *("type", "user_id", "app_id"),
)
_TEXT_PROPERTIES = (
    *("content_type", "content_encoding", "correlation_id", "reply_to"),
    *("message_id", "type", "app_id"),
)
_FRAME = 100_000

Properties = dict[str, Any]


@dataclass(frozen=True)
class Hostile:
    """Text properties and `headers` are bytes as they travel, without their length."""

    name: str
    properties: Properties = field(default_factory=dict)
    body: bytes | None = None
    without: tuple[str, ...] = ()
    routing_key: bytes = b""

    def of(self, good: Properties) -> Properties:
        properties = good | self.properties
        return {name: value for name, value in properties.items() if name not in self.without}


def encode(properties: Mapping[str, Any]) -> bytes:
    flags, values = 0, b""
    for number, name in enumerate(_ORDER):
        if name in properties:
            flags |= 1 << (15 - number)
            values += _value(name, properties[name])
    return pack(">H", flags) + values


def _value(name: str, value: Any) -> bytes:
    if name == "headers":
        return pack(">I", len(value)) + bytes(value)
    if name == "timestamp":
        return pack(">Q", value)
    if name in ("delivery_mode", "priority"):
        return bytes((value,))
    return bytes((len(value),)) + bytes(value)


def header(name: bytes, kind: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + kind + value


def text(value: bytes) -> bytes:
    return pack(">I", len(value)) + value


class Attacker:
    """Publishes over one connection, and over another one when the broker has closed it."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._open()

    def publish(
        self,
        properties: Properties,
        body: bytes,
        routing_key: bytes,
        exchange: bytes = b"",
    ) -> bool:
        """Say whether the broker has taken it."""
        channel, transport = self._channel, self._connection.connection.transport
        method = pack(">HHH", 60, 40, 0) + _short(exchange) + _short(routing_key) + b"\0"
        head = pack(">HHQ", 60, 0, len(body)) + encode(properties)
        frames = [(1, method), (2, head)]
        frames += [(3, body[at : at + _FRAME]) for at in range(0, len(body), _FRAME)]
        self._confirmed = False
        try:
            for kind, payload in frames:
                number = channel.channel_id
                transport.write(pack(">BHI", kind, number, len(payload)) + payload + b"\xce")
            while not self._confirmed:
                self._connection.drain_events(timeout=30)
        except (AMQPError, OSError, UnicodeDecodeError):  # a refusal may quote what it refuses
            self.close()
            self._open()
            return False
        return True

    def close(self) -> None:
        self._connection.collect()

    def _open(self) -> None:
        self._connection = Connection(self._uri)
        self._channel = self._connection.default_channel
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._confirm)

    def _confirm(self, *_args: Any) -> None:
        self._confirmed = True


@contextmanager
def attacker(uri: str) -> Iterator[Attacker]:
    them = Attacker(uri)
    try:
        yield them
    finally:
        them.close()


def _short(value: bytes) -> bytes:
    return bytes((len(value),)) + value


def _nested(kind: bytes, levels: int) -> bytes:
    """The value of a table or an array with so many others in it."""
    value = text(b"")
    for _ in range(levels):
        value = text(header(b"a", kind, value) if kind == b"F" else kind + value)
    return value


#: Values of every type that RabbitMQ knows, by their letter.
VALUES: dict[str, tuple[bytes, bytes]] = {
    "text": (b"S", text(b"x")),
    "no text": (b"S", text(b"")),
    "control characters": (b"S", text(b"\0\x1b[31m\r\n")),
    "not UTF-8": (b"S", text(b"\xff\xfe")),
    "a lone surrogate": (b"S", text(b"\xed\xa0\x80")),
    "a long text": (b"S", text(b"x" * 60_000)),
    "bytes": (b"x", text(b"\xff\0")),
    "a small number": (b"b", b"\x80"),
    "a number of 16 bits": (b"s", pack(">h", -(2**15))),
    "a number of 32 bits": (b"I", pack(">i", 2**31 - 1)),
    "the lowest number of 32 bits": (b"I", pack(">i", -(2**31))),
    "a number of 64 bits": (b"l", pack(">q", 2**63 - 1)),
    "a negative number of 64 bits": (b"l", pack(">q", -(2**63))),
    "one": (b"I", pack(">i", 1)),
    "not a number": (b"d", pack(">d", float("nan"))),
    "infinity": (b"f", pack(">f", float("inf"))),
    "a decimal": (b"D", pack(">Bi", 255, -(2**31))),
    "true": (b"t", b"\1"),
    "a time": (b"T", pack(">Q", 1_700_000_000)),
    "a time without a date": (b"T", pack(">Q", 2**64 - 1)),
    "nothing": (b"V", b""),
    "a table": (b"F", text(header(b"a", b"I", pack(">i", 1)))),
    "an empty table": (b"F", text(b"")),
    "an array": (b"A", text(b"t\1" + b"S" + text(b"x") + b"F" + text(b""))),
    "an empty array": (b"A", text(b"")),
    "an array of tables": (b"A", text(b"F" + text(header(b"reason", b"A", text(b""))))),
    "deep tables": (b"F", _nested(b"F", 3_000)),
    "deep arrays": (b"A", _nested(b"A", 3_000)),
    "tables of some depth": (b"F", _nested(b"F", 300)),
}

NAMES = (
    *(b"nameko.call_id_stack", b"nameko.request_id", b"nameko.language", b"nameko."),
    *(b"x-attempt", b"x-replay-count", b"x-possible-duplicate", b"x-death", b"x-delivery-count"),
    *(
        b"x-error-code",
        b"x-error-message",
        b"x-dead-lettered-at",
        b"x-dead-letter-id",
        b"x-original-queue",
        b"x-unreadable",
    ),
    *(b"compression", b"x-first-death-queue", b"somebody-elses", b"", b"\xff\xfe", b"k" * 255),
)

#: Tried with every type; the others, with some of them.
_READ_BY_ALL = (b"nameko.call_id_stack", b"x-attempt", b"x-death", b"compression")

_TEXTS = {
    "empty": b"",
    "not UTF-8": b"\xff\xfe",
    "a lone surrogate": b"\xed\xa0\x80",
    "control characters": b"\0\x1b[31m\r\n",
    "long": b"x" * 255,
}

_ENCODINGS = (b"binary", b"utf-16", b"rot13", b"zlib", b"base64", b"idna", b"no-such-codec")
_TYPES = (
    *(b"application/x-python-serialize", b"application/x-yaml", b"application/x-msgpack"),
    *(b"application/data", b"application/text", b"text/plain", b"no type"),
)

_BODIES = {
    "empty": b"",
    "not JSON": b"{not json",
    "not UTF-8": b"\xff\xfe",
    "deep": b"[" * 10_000,
    "deep tables": b'{"args":' * 10_000,
    "NaN": b'{"args":[],"kwargs":{"date":NaN}}',
    "repeated keys": b'{"args":[],"args":[],"kwargs":{}}',
    "a list": b"[]",
    "a text": b'"text"',
    "null": b"null",
    "a long number": b"1" * 10_000,
    "no fields": b"{}",
    "args is a table": b'{"args":{},"kwargs":{}}',
    "args is a text": b'{"args":"2026-12-01","kwargs":{}}',
    "kwargs is a list": b'{"args":[],"kwargs":[]}',
    "kwargs is null": b'{"args":[],"kwargs":null}',
    "unexpected kwargs": b'{"args":[],"kwargs":{"Ana <ana@example.com>":1}}',
    "self": b'{"args":[],"kwargs":{"self":1}}',
    "many args": b'{"args":[' + b"1," * 5_000 + b'1],"kwargs":{}}',
    "a lone surrogate": b'{"args":["\\ud800"],"kwargs":{}}',
    "wrong types": b'{"args":[{"$gt":""}],"kwargs":{}}',
    "20 kB": b'"' + b"x" * 20_000 + b'"',
    "2 MB": b"x" * 2_000_000,
}

_COMPRESSIONS = {
    b"application/x-gzip": gzip.compress(b"0" * 60_000_000),
    b"application/x-bz2": bz2.compress(b"0" * 60_000_000),
    b"application/x-lzma": b"not lzma",
    b"application/zlib": zlib.compress(b"0" * 60_000_000),
    b"gzip": b"not gzip",
    b"zstd": b"not zstd",
    b"no-such-method": b"{}",
}


def messages() -> list[Hostile]:
    return [*_properties(), *_headers(), *_bodies()]


def _properties() -> Iterator[Hostile]:
    for name in (*_TEXT_PROPERTIES, "headers"):
        yield Hostile(f"no {name}", without=(name,))
    yield Hostile("no properties", without=_ORDER)
    for name in _TEXT_PROPERTIES:
        for kind, value in _TEXTS.items():
            yield Hostile(f"{name}: {kind}", {name: value})
    for value in _TYPES:
        yield Hostile(f"content_type: {value!r}", {"content_type": value})
    for value in _ENCODINGS:
        yield Hostile(f"content_encoding: {value!r}", {"content_encoding": value})
    for mode in (0, 3, 255):
        yield Hostile(f"delivery_mode: {mode}", {"delivery_mode": mode})
    yield Hostile("priority: 255", {"priority": 255})
    yield Hostile("timestamp", {"timestamp": 2**64 - 1})
    for value in (b"x", b"-1", b"\xff"):
        yield Hostile(f"expiration: {value!r}", {"expiration": value})


def _headers() -> Iterator[Hostile]:
    some = random.Random(14)
    for name in NAMES:
        kinds = VALUES if name in _READ_BY_ALL else some.sample(sorted(VALUES), 6)
        for kind in kinds:
            yield Hostile(f"{name!r}: {kind}", {"headers": header(name, *VALUES[kind])})
    many = b"".join(header(b"h%d" % number, b"t", b"\1") for number in range(10_000))
    yield Hostile("many headers", {"headers": many})
    yield Hostile("long headers", {"headers": header(b"x", b"S", text(b"x" * 130_000))})


def _bodies() -> Iterator[Hostile]:
    for name, body in _BODIES.items():
        yield Hostile(f"body: {name}", body=body)
    for method, body in _COMPRESSIONS.items():
        headers = header(b"compression", b"S", text(method))
        yield Hostile(f"compression: {method!r}", {"headers": headers}, body)
