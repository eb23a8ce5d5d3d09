"""A mail server with encryption: `python -m tests.tls_smtp_sink PORT DIRECTORY CERTIFICATE MODE`.

A process of its own, since its event loop can't share one with eventlet. MODE is `implicit`,
`starttls`, or `none`; then the mechanisms of AUTH that it offers, if any. It keeps each message as
a file of the directory, and in `credentials` what it was told, a line for each.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import ssl
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

_ALL = ("CRAM-MD5", "PLAIN", "LOGIN")


class Sink:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count()

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        self._note(f"{mechanism} {given.login.decode()} {given.password.decode()}")
        return AuthResult(success=True)

    async def auth_CRAM__MD5(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802
        await server.push("334 " + base64.b64encode(b"<1@mail.example>").decode())
        response = await server._reader.readline()
        self._note(f"CRAM-MD5 {base64.b64decode(response).decode()}")
        return AuthResult(success=True)

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        (self._directory / f"{next(self._numbers)}.eml").write_bytes(envelope.content)
        return "250 OK"

    def _note(self, line: str) -> None:
        with (self._directory / "credentials").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


async def serve(port: int, directory: Path, certificate: Path, mode: str, offers: set[str]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    sink = Sink(directory)

    def session() -> SMTP:
        return SMTP(
            sink,
            tls_context=context if mode == "starttls" else None,
            require_starttls=mode == "starttls",
            authenticator=sink.authenticate,
            auth_require_tls=mode == "starttls",
            auth_exclude_mechanism=[name for name in _ALL if name not in offers],
        )

    implicit = context if mode == "implicit" else None
    loop = asyncio.get_running_loop()
    await loop.create_server(session, host="127.0.0.1", port=port, ssl=implicit)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(
        serve(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], {*sys.argv[5:]})
    )
