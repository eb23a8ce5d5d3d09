"""A quota of units per e-mail address; each unit is held by one document.

A document holds a unit by its key, "<hash of the address>/<number>", under a unique index. If
writers of any process take the same unit concurrently, all but one fail. Unlike a counter, this is
correct after a crash, and taking a unit needs no separate operation.
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Collection

from pymongo import ASCENDING, IndexModel

from clinic.mongo.client import Document

#: Absent if a document holds no unit.
QUOTA_KEY = "quotaKey"

_HASH_BYTES = 16


def quota_index(name: str) -> IndexModel:
    # Sparse, not partial: servers evaluate a partial filter for each document written.
    return IndexModel([(QUOTA_KEY, ASCENDING)], name=name, unique=True, sparse=True)


def address_hash(address: str) -> str:
    """Hash a normalized address, ignoring case. Returns 22 URL-safe characters.

    Dots and tags (`ana+1@`) are kept: not every provider ignores them. The hash has no key, because
    the same database contains the addresses themselves.
    """
    digest = hashlib.sha256(address.casefold().encode()).digest()
    return base64.urlsafe_b64encode(digest[:_HASH_BYTES]).rstrip(b"=").decode()


def random_key(holder: str, limit: int) -> str:
    """Return a random unit of an address, which may be taken.

    Predicting it gives no advantage, so it needs no cryptographic randomness.
    """
    return f"{holder}/{random.randrange(limit)}"


def free_key(holder: str, limit: int, taken: Collection[str]) -> str | None:
    """Return a random free unit; None if the quota is used up."""
    keys = [f"{holder}/{number}" for number in range(limit)]
    free = [key for key in keys if key not in taken]
    return random.choice(free) if free and len(taken) < limit else None


def held_by(holder: str) -> Document:
    """Return the filter for documents that hold units of an address."""
    return {QUOTA_KEY: {"$gte": f"{holder}/", "$lt": f"{holder}0"}}  # "0" follows "/" in ASCII
