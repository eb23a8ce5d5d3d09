"""TLS in front of another server: `python -m tests.tls_proxy PORT UPSTREAM CERTIFICATE LOG`.

A process of its own, since its event loop can't share one with eventlet. It appends what clients
send to LOG, as it stands without the encryption.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from pathlib import Path


async def serve(port: int, upstream: int, certificate: Path, log: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, copy: Path | None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if copy:
                    with copy.open("ab") as file:
                        file.write(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(pump(reader, far_writer, log), pump(far_reader, writer, None))

    await asyncio.start_server(connected, "127.0.0.1", port, ssl=context)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))
