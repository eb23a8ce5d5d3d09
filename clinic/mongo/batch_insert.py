"""Inserts documents into one collection; concurrent inserts share an operation."""

from __future__ import annotations

from collections.abc import Sequence

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, WriteError

from clinic.concurrency.batching import Batcher
from clinic.mongo.bulk_errors import bulk_write_errors
from clinic.mongo.client import Document, database_errors


class BatchInserter:
    def __init__(self, collection: Collection[Document]) -> None:
        self._collection = collection
        self._batcher: Batcher[RawBSONDocument, None] = Batcher(self._run)

    def insert(self, document: Document) -> None:
        """Return once this document is stored, independent of the others in its batch.

        Raises: DuplicateKeyError, DatabaseUnavailable.
        """
        # Encoded by its own caller, so that an encoding error fails no other insert.
        self._batcher.submit(RawBSONDocument(bson.encode(document)))

    def _run(self, documents: Sequence[RawBSONDocument]) -> Sequence[WriteError | None]:
        errors: dict[int, WriteError] = {}
        try:
            with database_errors():
                self._collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            errors = bulk_write_errors(error)
        return [errors.get(index) for index in range(len(documents))]
