"""Posts booking events to a webhook endpoint."""

from __future__ import annotations

import ssl
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from socket import SOCK_STREAM
from typing import ClassVar

import urllib3
from eventlet import Timeout, patcher, tpool
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError
from urllib3.util import Url

from clinic.contracts import strict_json
from clinic.contracts.messages import BookingStateChanged
from clinic.domain.booking import Booking
from clinic.errors import ChannelUnavailable, WebhookRejected, WebhookServerError
from notification_service.channels.final_response import ConnectionPool, SecureConnectionPool
from notification_service.channels.webhook_signature import sign

#: Timeouts of an endpoint: to accept a connection, for each read, and in total.
CONNECT_SECONDS = 5
ANSWER_SECONDS = 10
SEND_SECONDS = 20

#: Statuses that concern the endpoint, not the event: a timeout, too early, too much traffic, or a
#: proxy with an unavailable server.
_UNAVAILABLE = frozenset({408, 425, 429, 502, 503, 504})

_system_socket = patcher.original("socket")


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Posts events to one URL, signed with each of `secrets`."""

    longest_send_seconds: ClassVar[float] = SEND_SECONDS
    audience: ClassVar[str] = "webhook endpoint"

    url: Url = field(repr=False)  # its path may be secret
    secrets: tuple[str, ...] = field(repr=False)
    tls: ssl.SSLContext = field(
        default_factory=ssl.create_default_context, repr=False, compare=False
    )

    def send(self, content: BookingStateChanged) -> None:
        """Post an event. Returns only if the endpoint has responded with 2xx.

        Raises: ChannelUnavailable (even if the event may have arrived: its id stays the same),
        WebhookRejected. WebhookServerError counts as an attempt.
        """
        body = strict_json.dumps(content.to_body())
        # Not a TimeoutError: urllib3 would handle it, and we would try another address.
        too_slow = ChannelUnavailable("the endpoint is too slow")
        try:
            with Timeout(SEND_SECONDS, too_slow):
                status = self._post(body, self._headers(content, body))
        except (HTTPError, OSError) as error:
            # An untrusted certificate too: the event is not the cause.
            raise ChannelUnavailable(f"{type(error).__name__} from the endpoint") from None
        _raise_for_status(status)

    def _headers(self, event: BookingStateChanged, body: bytes) -> dict[str, str]:
        timestamp = int(time.time())
        return {
            "Host": self.url.netloc or "",
            "Connection": "close",
            "Content-Type": "application/json",
            "User-Agent": "clinic-booking",
            "X-Clinic-Event-Id": event.event_id,
            "X-Clinic-Timestamp": str(timestamp),
            "X-Clinic-Signature": sign(body, timestamp, self.secrets),
        }

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        """Post to the first address that accepts a connection. Return the status."""
        for address in _addresses(self._host, self.url.port):
            with suppress(ConnectTimeoutError), closing(self._pool(address)) as pool:
                return self._request(pool, body, headers)
        raise ConnectionError("no address of the endpoint accepts a connection")

    def _request(self, pool: HTTPConnectionPool, body: bytes, headers: dict[str, str]) -> int:
        response = pool.urlopen(
            "POST",
            self.url.request_uri,
            body=body,
            headers=headers,
            retries=False,  # the queue retries
            redirect=False,  # never send a signed event to another URL
            preload_content=False,
        )
        response.close()  # unread: only the status counts, and a body could be endless
        return response.status

    def _pool(self, address: str) -> HTTPConnectionPool:
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
        if self.url.scheme == "http":
            return ConnectionPool(address, self.url.port, timeout=timeout)
        return SecureConnectionPool(
            address,
            self.url.port,
            timeout=timeout,
            ssl_context=self.tls,
            server_hostname=self._host,
        )

    @property
    def _host(self) -> str:
        return (self.url.host or "").strip("[]")  # of an IPv6 address


def as_in_history(booking: Booking, event: BookingStateChanged) -> BookingStateChanged:
    """Return the event from the booking's history: we sign verified data, not a message."""
    return BookingStateChanged.in_booking(booking, event.version)


def _addresses(host: str, port: int | None) -> list[str]:
    """Resolve a host in a thread: the system's resolver would block the whole process."""
    found = tpool.execute(_system_socket.getaddrinfo, host, port, type=SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _raise_for_status(status: int) -> None:
    if 200 <= status < 300:
        return
    reason = f"the endpoint answered {status}"
    if status in _UNAVAILABLE:
        raise ChannelUnavailable(reason)
    raise WebhookServerError(reason) if status >= 500 else WebhookRejected(reason)
