"""Malicious clients of a gateway on this machine: `python -m bench.attackers <attack>
<port> <connections> <seconds>`. One process, bounded in time, which waits between its requests:
what it costs the gateway is to be seen, not what it costs itself."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

#: How long it takes to open the connections, one after the other: no storm of them is meant.
_OPENING_SECONDS = 1.0
_NAME = "x" + "\u0301" * 3950 + "\u0316" * 3950
_DATE = "2031-01-07T10:00:00Z"


@dataclass(frozen=True, slots=True)
class Attack:
    """`rest` is the pause after each answer, in seconds; None: nothing more is ever sent."""

    request: Callable[[], bytes]
    rest: float | None


def _head(line: str, *fields: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def _post(path: str, kind: str, body: bytes) -> bytes:
    fields = [f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    return _head(f"POST {path}", *fields) + body


def _json_name() -> bytes:
    fields = {"patientName": _NAME, "patientEmail": "a@example.com", "date": _DATE}
    return _post("/book", "application/json", json.dumps(fields, ensure_ascii=False).encode())


def _form_name() -> bytes:
    name = quote(_NAME[:1300] + _NAME[3951:5251])  # escaped, each takes six characters
    body = f"name={name}&email=a%40example.com&date={quote(_DATE)}".encode()
    return _post("/", "application/x-www-form-urlencoded", body)


def _content_type() -> bytes:
    return _post("/book", "application/json" + ";a=b" * 100_000, b"{}")


def _cookies() -> bytes:
    cookies = "; ".join(f"c{number}=value" for number in range(22_000))
    return _head("GET /staff/login", f"Cookie: {cookies}", "Connection: close")


def _visit() -> bytes:
    return _head("GET /", "Connection: close")


def _slow() -> bytes:
    """The half of a body whose other half never comes."""
    return _post("/book", "application/json", b" " * 100)[:-50]


ATTACKS = {
    "name in JSON": Attack(_json_name, 0.8),
    "name in a form": Attack(_form_name, 0.8),
    "content type": Attack(_content_type, 0.8),
    "cookies": Attack(_cookies, 0.8),
    "visits": Attack(_visit, 0.0),
    "idle": Attack(lambda: b"", None),
    "slow bodies": Attack(_slow, None),
}


async def attack(name: str, port: int, connections: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    wanted = ATTACKS[name]
    request = wanted.request()

    async def one(number: int) -> None:
        await asyncio.sleep(number * _OPENING_SECONDS / connections)
        while time.monotonic() < until:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(max(until - time.monotonic(), 0)):
                    await _ask(port, request, holds=wanted.rest is None)
            await asyncio.sleep(0.05 if wanted.rest is None else wanted.rest)

    await asyncio.gather(*(one(number) for number in range(connections)))


async def _ask(port: int, request: bytes, *, holds: bool) -> None:
    """Send it and read until the other side closes; who holds does not ask for anything else."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        if not holds:
            await writer.drain()
        await reader.read(-1)
    finally:
        writer.close()


if __name__ == "__main__":
    _name, _port, _connections, _seconds = sys.argv[1:]
    asyncio.run(attack(_name, int(_port), int(_connections), float(_seconds)))
