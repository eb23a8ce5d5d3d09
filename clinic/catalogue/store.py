"""Catalogues in MongoDB: one document for each clinic, changed by one operation.

A change reads the document, checks the whole catalogue as it would become, and replaces the
document if it still has the version that was read.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from clinic.catalogue.booked_items import BookedItems
from clinic.catalogue.comparison import Changes, compare
from clinic.catalogue.problems import Problem, invalid_catalogue, join, problems_in
from clinic.catalogue.schema.catalogue_schema import (
    ItemKind,
    Json,
    ParsedCatalogue,
    canonical_item,
    parse_catalogue,
)
from clinic.catalogue.stored_catalogue import StoredCatalogue
from clinic.catalogue.validation import find_problems, is_complete
from clinic.contracts import strict_json
from clinic.domain.catalogue import Catalogue, is_catalogue_id
from clinic.errors import (
    CatalogueContested,
    CatalogueInvalid,
    CatalogueItemNotFound,
    ItemInUse,
)
from clinic.mongo.circuit_breaker import protection
from clinic.mongo.client import (
    DATABASE_NAME,
    OPERATION_TIMEOUT_SECONDS,
    Document,
    database_errors,
    durable_uri,
)

#: A document of MongoDB may have 16 MB.
MAX_CATALOGUE_BYTES = 4 * 1024 * 1024

_ATTEMPTS = 20
#: The longest random pause before another attempt, in seconds.
_PAUSE_SECONDS = 0.02
_DEFAULT_HORIZON = timedelta(days=365)

#: Returns the whole as it shall become.
_Change = Callable[[StoredCatalogue], Json]


class CatalogueStore:
    """Every method may raise DatabaseUnavailable. `horizon` is that of the loaded catalogues.

    Methods that change the catalogue raise CatalogueInvalid, with all problems, and
    CatalogueContested if others kept changing it.
    """

    def __init__(
        self,
        database: Database[Document],
        horizon: timedelta = _DEFAULT_HORIZON,
        *,
        has_breaker: bool = False,
    ) -> None:
        self._catalogues = database["catalogues"]
        self._booked = BookedItems(database["bookings"])
        self._horizon = horizon
        self._protect = protection(has_breaker)

    @classmethod
    @contextmanager
    def opened(cls, uri: str, horizon: timedelta = _DEFAULT_HORIZON) -> Iterator[CatalogueStore]:
        """Open a connection for a command. Raises: ConfigError for an invalid URL."""
        client: MongoClient[Document]
        with MongoClient(durable_uri(uri)) as client:
            yield cls(client.get_default_database(DATABASE_NAME), horizon)

    def load(self, clinic: str) -> Catalogue | None:
        """Return the catalogue; None while the clinic has none by which patients can book.

        Raises: CatalogueInvalid if an update has made it invalid, such as one of the time zones.
        """
        stored = self._read(clinic)
        parsed = parse_catalogue(stored.whole)
        if parsed.problems:
            raise invalid_catalogue(parsed.problems)
        if not is_complete(parsed):
            return None
        return parsed.to_catalogue(clinic, self._horizon, stored.version, stored.versions)

    def version(self, clinic: str) -> int:
        """Return the version of the stored catalogue, to find out whether to load it; or 0."""
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            found = self._catalogues.find_one({"_id": _clinic_id(clinic)}, {"version": True})
        return int(found["version"]) if found else 0

    def get(self, clinic: str, kind: ItemKind, item_id: str) -> tuple[Json, int]:
        """Return an item and its version. Raises: CatalogueItemNotFound, also for an invalid id."""
        return self._read(clinic).get(kind, _item_id(item_id))

    def list(self, clinic: str, kind: ItemKind) -> list[Json]:
        found: list[Json] = self._read(clinic).whole[kind.value]
        return found

    def export(self, clinic: str) -> Json | None:
        """Return the whole catalogue, or None if there is none."""
        stored = self._read(clinic)
        return stored.whole if stored.version else None

    def put(
        self, clinic: str, kind: ItemKind, item_id: str, data: Any, expected_version: int | None
    ) -> tuple[Json, int]:
        """Create an item, or replace the one that has the expected version; None creates.

        Returns it in its canonical form, with its version, which stays if nothing changes.
        Raises: VersionMismatch. Paths of problems within the item start there.
        """
        item = canonical_item(kind, item_id, data)
        path = ""

        def change(stored: StoredCatalogue) -> Json:
            nonlocal path
            stored.require_version(kind, item_id, expected_version)
            whole, index = stored.with_item(kind, item)
            path = join(kind.value, index)
            return whole

        try:
            return self._write(clinic, change)[1].get(kind, item_id)
        except CatalogueInvalid as error:
            raise _relative(error, path) from None

    def delete(
        self, clinic: str, kind: ItemKind, item_id: str, expected_version: int | None = None
    ) -> None:
        """Delete an item, of any version for None.

        Bookings that are made meanwhile may still name it. Raises: CatalogueItemNotFound,
        VersionMismatch, ItemInUse.
        """

        def change(stored: StoredCatalogue) -> Json:
            stored.get(kind, _item_id(item_id))
            if expected_version is not None:
                stored.require_version(kind, item_id, expected_version)
            return stored.without_item(kind, item_id)

        self._write(clinic, change)

    def replace(self, clinic: str, data: Any) -> Changes:
        """Replace the whole catalogue, and return what has changed. Raises: ItemInUse."""
        whole = _canonical(data, may_be_incomplete=False).to_json()
        before, after = self._write(clinic, lambda _: whole)
        return compare(before.whole, after.whole)

    def plan(self, clinic: str, data: Any) -> Changes:
        """Return what `replace` would change. Raises: as `replace`."""
        whole = _canonical(data, may_be_incomplete=False).to_json()
        changes = compare(self._read(clinic).whole, whole)
        self._require_unused(clinic, changes)
        return changes

    def _write(self, clinic: str, change: _Change) -> tuple[StoredCatalogue, StoredCatalogue]:
        """Apply the change to the latest version and store it; return it before and after."""
        for _ in range(_ATTEMPTS):
            stored = self._read(clinic)
            changed = stored.changed_to(change(stored))
            if changed is stored:
                return stored, stored
            self._check(stored, changed)
            if self._save(stored, changed):
                return stored, changed
            time.sleep(random.uniform(0, _PAUSE_SECONDS))
        raise CatalogueContested("others kept changing the catalogue")

    def _check(self, stored: StoredCatalogue, changed: StoredCatalogue) -> None:
        """Raises: CatalogueInvalid, ItemInUse."""
        was_complete = is_complete(parse_catalogue(stored.whole))
        _canonical(changed.whole, may_be_incomplete=not was_complete)
        self._require_unused(stored.clinic, compare(stored.whole, changed.whole))

    def _require_unused(self, clinic: str, changes: Changes) -> None:
        """Raises: ItemInUse if upcoming bookings need a removed item."""
        removed = {kind: found.removed for kind, found in changes.items.items()}
        with self._protect():
            used = self._booked.count(clinic, removed)
        if used:
            raise ItemInUse(used)

    def _read(self, clinic: str) -> StoredCatalogue:
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            found = self._catalogues.find_one({"_id": _clinic_id(clinic)})
        return StoredCatalogue.from_document(found) if found else StoredCatalogue(clinic)

    def _save(self, stored: StoredCatalogue, changed: StoredCatalogue) -> bool:
        """Return False if the document has another version by now."""
        document = changed.to_document()
        with self._protect(), database_errors(OPERATION_TIMEOUT_SECONDS):
            if not stored.version:
                return self._insert(document)
            expected = {"_id": stored.clinic, "version": stored.version}
            return self._catalogues.replace_one(expected, document).matched_count == 1

    def _insert(self, document: Document) -> bool:
        try:
            self._catalogues.insert_one(document)
        except DuplicateKeyError:
            return False
        return True


def _clinic_id(clinic: object) -> str:
    """Raises: CatalogueItemNotFound for an invalid id, which must not become a query."""
    if not is_catalogue_id(clinic):
        raise CatalogueItemNotFound("there is no such clinic")
    return str(clinic)


def _item_id(item_id: object) -> str:
    """Raises: CatalogueItemNotFound."""
    if not is_catalogue_id(item_id):
        raise CatalogueItemNotFound("there is no such item")
    return str(item_id)


def _canonical(data: Any, *, may_be_incomplete: bool) -> ParsedCatalogue:
    """Raises: CatalogueInvalid."""
    parsed = parse_catalogue(data)
    problems = find_problems(parsed, may_be_incomplete=may_be_incomplete)
    if not problems and len(strict_json.dumps(parsed.to_json())) > MAX_CATALOGUE_BYTES:
        problems = [Problem("", f"must have at most {MAX_CATALOGUE_BYTES >> 20} MB", "too_large")]
    if problems:
        raise invalid_catalogue(problems)
    return parsed


def _relative(error: CatalogueInvalid, path: str) -> CatalogueInvalid:
    """Let the paths of problems within an item start at the item."""
    relative = [
        replace(problem, path=problem.path.removeprefix(path).lstrip("."))
        if problem.path == path or problem.path.startswith((f"{path}.", f"{path}["))
        else problem
        for problem in problems_in(error)
    ]
    return invalid_catalogue(relative)
