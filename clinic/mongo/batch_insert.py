"""New documents of one collection; those that come at once share an insert."""

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
        self._group: Batcher[RawBSONDocument, None] = Batcher(self._run)

    def insert(self, document: Document) -> None:
        """Return once this document is stored, whatever becomes of the others in its group.

        Raises: DuplicateKeyError, DatabaseUnavailable.
        """
        # Encoded by its own writer, so that what can't be encoded fails nobody else.
        self._group.submit(RawBSONDocument(bson.encode(document)))

    def _run(self, documents: Sequence[RawBSONDocument]) -> Sequence[WriteError | None]:
        faults: dict[int, WriteError] = {}
        try:
            with database_errors():
                self._collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            faults = bulk_write_errors(error)
        return [faults.get(place) for place in range(len(documents))]
