"""TLS to the broker that verifies the certificate's authority and its name, for every connection of
the process.

kombu verifies the authority alone, unless each connection is given options; nameko makes
connections of its own, and one set of options can't name each node of a cluster. So the scheme
itself gets another transport: its name is looked up when a connection is made.

The authorities are those of OpenSSL: the system's, or the file that SSL_CERT_FILE names.
"""

from __future__ import annotations

import ssl
from typing import Any

from amqp.transport import SSLTransport as TlsSocket
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.pyamqp import Connection, SSLTransport


class _AbruptTlsSocket(TlsSocket):
    def _shutdown_transport(self) -> None:
        """Say no goodbye: a broker that is frozen would not answer it. AMQP has frames, so that
        nobody takes the end of a connection for the end of a message."""


class _Connection(Connection):
    def Transport(  # noqa: N802 - py-amqp's name for what makes its socket
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
            self.client.hostname = name  # it has made 127.0.0.1 of localhost


TRANSPORT_ALIASES["amqps"] = f"{__name__}:{VerifyingTransport.__name__}"
