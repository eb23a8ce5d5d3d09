"""The staff keys: their ids, and the secrets derived from them that sign sessions."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from functools import cache

from gateway.http.requests import is_any

#: About 40 ms per key, once. Key ids appear in logs and histories; the cost slows down offline
#: guessing of the keys behind them.
_COST = {"n": 2**14, "r": 8, "p": 1}


class StaffKeys:
    """The accepted keys. Without any, nobody can sign in."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._derived = {key: _derive(key) for key in sorted(keys)}

    def __bool__(self) -> bool:
        return bool(self._derived)

    def key_id(self, token: str) -> str | None:
        """Return the id of this key, or None if it is not one of the keys.

        An id has 8 hexadecimal digits and is the same in every process and after restarts.
        """
        found = [key for key in self._derived if is_any(token, frozenset({key}))]
        return _id(self._derived[found[0]]) if found else None

    def is_current(self, key_id: str) -> bool:
        return key_id in {_id(derived) for derived in self._derived.values()}

    def signing_secrets(self, server_secret: bytes) -> list[str]:
        """Return one secret per key, in the same order in all processes.

        Removing a key invalidates its sessions. The server secret keeps signed cookies from
        revealing anything about the keys.
        """
        return [
            hmac.new(server_secret, derived, hashlib.sha256).hexdigest()
            for derived in self._derived.values()
        ]


@cache
def _derive(key: str) -> bytes:
    return hashlib.scrypt(key.encode(), salt=b"the staff's sessions", **_COST)


def _id(derived: bytes) -> str:
    return hmac.new(derived, b"the id of this key", hashlib.sha256).hexdigest()[:8]
