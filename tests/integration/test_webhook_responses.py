"""Raw responses of webhook endpoints: valid HTTP (RFC 9110 and 9112) and malformed data."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import eventlet
import pytest
from urllib3.util import parse_url

from clinic.contracts.messages import BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.clock import now
from clinic.errors import ChannelUnavailable, WebhookRejected, WebhookServerError
from notification_service.channels import webhook
from notification_service.channels.webhook import WebhookChannel
from tests.bookings import requested

EVENT = BookingStateChanged.of(steps.reject(requested(), reason="past", at=now(), by="test"))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n"

RespondWith = Callable[..., str]


@pytest.fixture
def respond_with() -> Iterator[RespondWith]:
    """Starts a server that answers each request with given bytes; returns its URL."""
    opened: list[Any] = []

    def listen(*parts: bytes, times: list[int] | None = None) -> str:
        listener = eventlet.listen(("127.0.0.1", 0))
        opened.extend([listener, eventlet.spawn(serve, listener, parts, times)])
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield listen
    for each in opened:
        each.close() if hasattr(each, "close") else each.kill()


def serve(listener: Any, parts: tuple[bytes, ...], times: list[int] | None) -> None:
    while True:
        with suppress(OSError), closing(listener.accept()[0]) as connection:
            request = b""
            while b"}" not in request:
                request += connection.recv(65_536)
            if times is not None:
                times.append(len(request))
            for part in parts:
                connection.sendall(part)
                eventlet.sleep(0.01)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(65_536)  # until the client closes the connection


def send(url: str) -> None:
    WebhookChannel(parse_url(url), ("known to the receiver",)).send(EVENT)


@pytest.mark.parametrize(
    "response",
    [
        OK,
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nas long as it lasts",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\nbroken off",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbroken off",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: none\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: broken off",
        b"HTTP/1.1 201 Created\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_final_response_of_2xx_is_success_whatever_its_body(
    respond_with: RespondWith, response: bytes
) -> None:
    send(respond_with(response))


@pytest.mark.parametrize(
    "interim", [CONTINUE, PROCESSING, HINTS, CONTINUE + HINTS + PROCESSING, HINTS * 50], ids=len
)
def test_interim_responses_are_skipped(respond_with: RespondWith, interim: bytes) -> None:
    send(respond_with(interim, OK))
    with pytest.raises(WebhookServerError, match="answered 500"):
        send(respond_with(interim + OK.replace(b"200 OK", b"500 No")))


def test_an_unknown_interim_response_is_skipped(respond_with: RespondWith) -> None:
    send(respond_with(b"HTTP/1.1 199 Whatever\r\nX: y\r\n\r\n", OK))


@pytest.mark.parametrize("interim", [CONTINUE, HINTS])
def test_an_interim_response_without_a_final_one_is_unavailable(
    respond_with: RespondWith, interim: bytes
) -> None:
    with pytest.raises(ChannelUnavailable):
        send(respond_with(interim))


def test_too_many_interim_responses_are_unavailable(respond_with: RespondWith) -> None:
    with pytest.raises(ChannelUnavailable):
        send(respond_with(HINTS * 101, OK))


def test_trickling_interim_responses_time_out(
    respond_with: RespondWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "SEND_SECONDS", 0.5)
    with pytest.raises(ChannelUnavailable, match="too slow"):
        send(respond_with(*[CONTINUE] * 1000))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, ChannelUnavailable) for status in (408, 425, 429, 502, 503, 504)),
        *((status, WebhookRejected) for status in (101, 300, 301, 302, 303, 304, 305, 307, 308)),
        *((status, WebhookRejected) for status in (400, 401, 403, 404, 410, 413, 418)),
        *((status, WebhookServerError) for status in (500, 501, 505, 507, 511)),
    ],
)
def test_a_response_is_classified_by_its_status_without_a_retry(
    respond_with: RespondWith, status: int, error: type[Exception]
) -> None:
    """Location and Retry-After headers are ignored."""
    times: list[int] = []
    headers = b"Retry-After: 0\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    response = b"HTTP/1.1 %d Reason\r\n%s" % (status, headers)
    with pytest.raises(error, match=f"answered {status}"):
        send(respond_with(response, times=times))
    assert len(times) == 1


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 ",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 99 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.example ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 " + b"y" * 70_000 + b"\r\n\r\n",
    ],
    ids=lambda response: ascii(response[:30]),
)
def test_a_malformed_response_is_unavailable(respond_with: RespondWith, response: bytes) -> None:
    with pytest.raises(ChannelUnavailable):
        send(respond_with(response))
