"""TLS to the broker that verifies the certificate's authority and host name, on every connection.

By default kombu verifies only the authority. Connection options don't help: nameko opens its own
connections, and one set of options can't name each node of a cluster. Therefore this module
replaces the transport of the scheme, which kombu looks up for each new connection.

The trusted authorities are OpenSSL's: the system's, or those in the file SSL_CERT_FILE.
"""

from __future__ import annotations

import ssl
from typing import Any

from amqp.transport import SSLTransport as TlsSocket
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.pyamqp import Connection, SSLTransport


class _AbruptTlsSocket(TlsSocket):
    def _shutdown_transport(self) -> None:
        """Skip the TLS shutdown, which would block on a frozen broker. AMQP frames messages, so
        the end of a connection is never mistaken for the end of a message."""


class _Connection(Connection):
    def Transport(  # noqa: N802 - py-amqp's name for its socket factory
        self, host: str, connect_timeout: float, ssl: Any, *timeouts: Any, **options: Any
    ) -> TlsSocket:
        read_timeout, write_timeout = timeouts
        return _AbruptTlsSocket(
            host,
            connect_timeout,
            ssl,
            read_timeout=read_timeout,
            write_timeout=write_timeout,
            **options,
        )


class VerifyingTransport(SSLTransport):
    """kombu's transport for amqps://."""

    Connection = _Connection

    def establish_connection(self) -> Any:
        name = self.client.hostname
        self.client.ssl = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": name}
        try:
            return super().establish_connection()
        finally:
            self.client.hostname = name  # it was changed from localhost to 127.0.0.1


TRANSPORT_ALIASES["amqps"] = f"{__name__}:{VerifyingTransport.__name__}"
