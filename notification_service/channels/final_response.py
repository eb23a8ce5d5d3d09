"""HTTP connections that wait for the final response (RFC 9110, section 15.2).

http.client skips 100 and takes 102 and 103 for the end.
"""

from __future__ import annotations

import http.client

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

#: A server that goes on for longer has nothing to say.
_MAX_INTERIM = 100
_SWITCHING_PROTOCOLS = 101  #: final, and an answer to a question that we have not asked


class _FinalResponse(http.client.HTTPResponse):
    def begin(self) -> None:
        """Read as far as the header of the final response. Raises: HTTPException."""
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
