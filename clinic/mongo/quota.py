"""A limited number of units for each e-mail address, each held by one document.

A document holds a unit by its key, "<hash of the address>/<number>", under a unique index. Writers
that take the same unit at the same moment collide there, whichever process they belong to: there is
no counter that could be wrong after a crash, and the first of them needs no operation of its own.
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Collection

from pymongo import ASCENDING, IndexModel

from clinic.mongo.client import Document

#: Absent where a document holds no unit.
QUOTA_KEY = "quotaKey"

_HASH_BYTES = 16


def quota_index(name: str) -> IndexModel:
    # Sparse and not partial: servers evaluate a filter for each document that is written.
    return IndexModel([(QUOTA_KEY, ASCENDING)], name=name, unique=True, sparse=True)


def address_hash(address: str) -> str:
    """Hash a normalised address, whatever the case of its letters; 22 URL-safe characters.

    Dots and tags (`ana+1@`) stay: not every provider delivers them to the same mailbox. The hash
    has no key: the database that holds it holds the addresses too.
    """
    digest = hashlib.sha256(address.casefold().encode()).digest()
    return base64.urlsafe_b64encode(digest[:_HASH_BYTES]).rstrip(b"=").decode()


def random_key(holder: str, limit: int) -> str:
    """Pick one of the units of an address; it may be taken.

    Nobody gains by foreseeing which, so it need not cost the system's randomness.
    """
    return f"{holder}/{random.randrange(limit)}"


def free_key(holder: str, limit: int, taken: Collection[str]) -> str | None:
    """Pick a unit that is not taken; None when as many are taken as there may be."""
    keys = [f"{holder}/{number}" for number in range(limit)]
    free = [key for key in keys if key not in taken]
    return random.choice(free) if free and len(taken) < limit else None


def held_by(holder: str) -> Document:
    """The filter that finds what holds units of an address."""
    return {QUOTA_KEY: {"$gte": f"{holder}/", "$lt": f"{holder}0"}}  # "0" is next to "/"
