"""HTTP connections that wait for the final response (RFC 9110, section 15.2).

http.client skips 100, but treats 102 and 103 as final.
"""

from __future__ import annotations

import http.client

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

#: A server that sends more interim responses is broken.
_MAX_INTERIM = 100
_SWITCHING_PROTOCOLS = 101  #: final, although we never request an upgrade


class _FinalResponse(http.client.HTTPResponse):
    def begin(self) -> None:
        """Read up to the headers of the final response. Raises: HTTPException."""
        for _ in range(_MAX_INTERIM):
            super().begin()
            if not 100 <= self.status < 200 or self.status == _SWITCHING_PROTOCOLS:
                return
            self.headers = self.msg = None  # type: ignore[assignment]
        raise http.client.HTTPException("too many interim responses")


class _Connection(HTTPConnection):
    response_class = _FinalResponse


class _SecureConnection(HTTPSConnection):
    response_class = _FinalResponse


class ConnectionPool(HTTPConnectionPool):
    ConnectionCls = _Connection


class SecureConnectionPool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
