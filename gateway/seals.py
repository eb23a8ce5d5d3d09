"""What signs the staff's sessions: secrets made from the keys, so that all processes agree."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from functools import cache

from gateway.requests import is_any

#: Some 40 ms for each key, once. Everybody gets a signed cookie with the form for signing in, and
#: could try words on it at home: each try costs them as much.
_COST = {"n": 2**14, "r": 8, "p": 1}


class Seals:
    """One secret for each key. A key that is taken away takes its sessions along."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._secrets = {key: _stretched(key) for key in sorted(keys)}

    def __bool__(self) -> bool:
        return bool(self._secrets)

    @property
    def secrets(self) -> list[str]:
        """All that may have signed a session, in an order which all processes share."""
        return list(self._secrets.values())

    def mark(self, key: str) -> str | None:
        """Return what tells later which key has opened a session; None for what is none."""
        found = [own for own in self._secrets if is_any(key, frozenset({own}))]
        return _mark(self._secrets[found[0]]) if found else None

    def has_made(self, mark: str) -> bool:
        return is_any(mark, frozenset(_mark(secret) for secret in self.secrets))


@cache
def _stretched(key: str) -> str:
    return hashlib.scrypt(key.encode(), salt=b"the staff's sessions", **_COST).hex()


def _mark(secret: str) -> str:
    return hmac.new(secret.encode(), b"the key of this session", hashlib.sha256).hexdigest()[:32]
