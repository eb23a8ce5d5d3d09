"""A mail server to test against: `python -m tests.smtp_sink PORT DIRECTORY`.

A process of its own, since its event loop can't share one with eventlet. It keeps each message
as a file of the directory. The recipient picks its behaviour: `refused@...` is answered 550,
`later@...` 451 until the directory holds a file named `open`, and `silent@...` is taken without an
answer: the line goes dead.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.controller import UnthreadedController


class Sink:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count()

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        local = address.partition("@")[0]
        if local == "refused":
            return "550 no such mailbox"
        if local == "later" and not (self._directory / "open").exists():
            return "451 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        (recipient,) = envelope.rcpt_tos
        unfinished = self._directory / "unfinished"
        notes = f"X-Recipient: {recipient}\r\nX-Taken-At: {time.time()}\r\n"
        unfinished.write_bytes(notes.encode() + envelope.content)
        unfinished.rename(self._directory / f"{next(self._numbers)}.eml")
        if recipient.startswith("silent@"):
            server.transport.abort()
        return "250 OK"


async def serve(port: int, directory: Path) -> None:
    controller = UnthreadedController(
        Sink(directory), hostname="127.0.0.1", port=port, loop=asyncio.get_running_loop()
    )
    await controller._create_server()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
