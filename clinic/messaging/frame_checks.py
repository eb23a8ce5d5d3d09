"""Checks frames from the broker before py-amqp and kombu decode them.

Any publisher chooses the properties, headers and size of a message. If py-amqp can't decode them,
it raises, which ends the consumer; the message is redelivered and ends the next one. kombu
decompresses a body before its size can be checked.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import pack, unpack_from
from typing import Any

from amqp import Connection, Message, spec
from amqp.method_framing import frame_handler
from amqp.serialization import decode_properties_basic

#: Set on an unreadable message, with the reason; other headers may be missing.
UNREADABLE_HEADER = "x-unreadable"
#: RabbitMQ's own header, written when it dead-letters a message and read when it does so again.
DEATHS_HEADER = "x-death"
#: Larger bodies are skipped as they arrive. Our largest message, the free slots of several days,
#: has 50 kB; RabbitMQ accepts 128 MiB.
MAX_RECEIVED_BYTES = 1024 * 1024

_METHOD, _HEADER, _BODY = 1, 2, 3
#: Offset of the properties, after class, weight and body size.
_PROPERTIES_AT = 12
_HAS_TYPE, _HAS_ENCODING, _HAS_HEADERS = 1 << 15, 1 << 14, 1 << 13
#: The ids of the methods that contain the names of exchange and routing key.
_DELIVER, _GET_OK = pack(">HH", *spec.Basic.Deliver), pack(">HH", *spec.Basic.GetOk)
_KEPT = ("content_type", "content_encoding", "correlation_id", "reply_to")

Frame = tuple[int, int, bytes]
OnFrame = Callable[[Frame], bool]


def checked_frames(connection: Connection, callback: Callable[..., Any]) -> OnFrame:
    """Return a checking `frame_handler` for py-amqp."""
    return _Frames(frame_handler(connection, callback)).handle


#: For every consuming connection; kombu passes them to py-amqp.
TRANSPORT_OPTIONS = {"frame_handler": checked_frames}


class _Frames:
    def __init__(self, handle: OnFrame) -> None:
        self._handle = handle
        #: Remaining bytes of a skipped body, by channel.
        self._skipped: dict[int, int] = {}

    def handle(self, frame: Frame) -> bool:
        """Return whether the frame completed a method or a message."""
        kind, channel, payload = frame
        if kind == _METHOD:
            return self._handle((kind, channel, _with_readable_names(payload)))
        if kind == _HEADER:
            return self._handle_header(channel, payload)
        if kind == _BODY and channel in self._skipped:
            self._skip(channel, len(payload))
            return False
        return self._handle(frame)

    def _handle_header(self, channel: int, payload: bytes) -> bool:
        (size,) = unpack_from(">Q", payload, 4)
        if size > MAX_RECEIVED_BYTES:
            self._skipped[channel] = size
            header = _unreadable(payload, f"the body has {size} bytes", size=0)
        elif b"compression" in payload and "compression" in _headers(payload):
            header = _unreadable(payload, "the body is compressed", size=size)
        elif not _is_decodable(payload):
            header = _unreadable(payload, "the properties can't be decoded", size=size)
        else:
            header = payload
        return self._handle((_HEADER, channel, header))

    def _skip(self, channel: int, count: int) -> None:
        self._skipped[channel] -= count
        if self._skipped[channel] <= 0:
            del self._skipped[channel]


def _is_decodable(payload: bytes) -> bool:
    try:
        decode_properties_basic(payload, _PROPERTIES_AT)
    except Exception:  # anything the decoder does not expect: encodings, dates, depth
        return False
    return True


def _properties(payload: bytes) -> dict[str, Any]:
    """Return the decodable properties, so that a request can get a reply."""
    for readable in (payload, _without_headers(payload)):
        if _is_decodable(readable):
            return dict(decode_properties_basic(readable, _PROPERTIES_AT)[0])
    return {}


def _without_headers(payload: bytes) -> bytes:
    """Remove the header table, which follows content type and encoding."""
    (flags,) = unpack_from(">H", payload, _PROPERTIES_AT)
    if not flags & _HAS_HEADERS:
        return payload
    start = _PROPERTIES_AT + 2
    for flag in (_HAS_TYPE, _HAS_ENCODING):
        if flags & flag:
            start += 1 + payload[start]
    end = start + 4 + int(unpack_from(">I", payload, start)[0])
    kept = pack(">H", flags & ~_HAS_HEADERS) + payload[_PROPERTIES_AT + 2 : start]
    return payload[:_PROPERTIES_AT] + kept + payload[end:]


def _headers(payload: bytes) -> dict[str, Any]:
    return _properties(payload).get("application_headers") or {}


def _unreadable(payload: bytes, reason: str, *, size: int) -> bytes:
    """Return the header frame of an unreadable message, with the reason as a header."""
    kept = {name: value for name, value in _properties(payload).items() if name in _KEPT}
    headers = {UNREADABLE_HEADER: reason}
    if DEATHS_HEADER.encode() in payload:
        headers[DEATHS_HEADER] = ""  # its presence decides who dead-letters the message
    message = Message(application_headers=headers, **kept)
    return pack(">HxxQ", spec.Basic.CLASS_ID, size) + bytes(message._serialize_properties())


def _with_readable_names(payload: bytes) -> bytes:
    """Replace exchange and routing key names that py-amqp can't decode."""
    start = _names_at(payload)
    if not start or payload[start:].isascii():
        return payload
    exchange, end = _short_string(payload, start)
    routing_key, end = _short_string(payload, end)
    return payload[:start] + _readable(exchange) + _readable(routing_key) + payload[end:]


def _names_at(payload: bytes) -> int:
    """Return the offset of the names; 0 for a method without names."""
    method = payload[:4]
    if method == _DELIVER:
        return 4 + 1 + payload[4] + 8 + 1
    return 4 + 8 + 1 if method == _GET_OK else 0


def _short_string(payload: bytes, start: int) -> tuple[bytes, int]:
    end = start + 1 + payload[start]
    return payload[start + 1 : end], end


def _readable(name: bytes) -> bytes:
    try:
        name.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        name = name.decode("ascii", "replace").encode("ascii", "replace")  # not longer than before
    return bytes((len(name),)) + name
