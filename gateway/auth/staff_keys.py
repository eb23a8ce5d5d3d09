"""The keys of the clinic's staff: recognised, named by an id, and part of what signs sessions."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from functools import cache

from gateway.http.requests import is_any

#: Some 40 ms for each key, once. Who reads logs and histories knows the ids of keys, and could try
#: words on them at home: each try costs them as much.
_COST = {"n": 2**14, "r": 8, "p": 1}


class StaffKeys:
    """The keys in force; there may be none, and then nobody is staff."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._derived = {key: _derive(key) for key in sorted(keys)}

    def __bool__(self) -> bool:
        return bool(self._derived)

    def key_id(self, token: str) -> str | None:
        """Return the id of the key that the token is: 8 hexadecimal digits, the same in every
        process and after every start. None for what is no key."""
        found = [key for key in self._derived if is_any(token, frozenset({key}))]
        return _id(self._derived[found[0]]) if found else None

    def is_current(self, key_id: str) -> bool:
        return key_id in {_id(derived) for derived in self._derived.values()}

    def signing_secrets(self, server_secret: bytes) -> list[str]:
        """Return one secret for each key, in an order that all processes share.

        A key that is taken away takes its sessions along; without the server's own secret nothing
        that is signed tells anything of a key.
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
