"""Inserts what many writers bring at once in one operation: the operation is what costs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from clinic.database import database_errors
from clinic.document import Document
from clinic.errors import DatabaseUnavailable

#: Documents in one operation; bounded so that one insert never stalls the database.
LIMIT = 50
_DUPLICATE_KEY = 11000


def _silent_bell() -> Any:
    bell = threading.Lock()  # a thirtieth of what an Event costs
    bell.acquire()
    return bell


@dataclass(slots=True, eq=False)
class _Insert:
    """A document in line. The bell wakes its writer: it is settled, or its turn to lead."""

    document: RawBSONDocument
    bell: Any = field(default_factory=_silent_bell)
    leads: bool = False
    is_settled: bool = False
    error: Exception | None = None

    def settle(self) -> None:
        self.is_settled = True
        self.bell.release()


class GroupCommit:
    """One operation at a time, for all who came while the one before it ran.

    The first in line leads: it writes for a group, then has the next one lead. Nobody waits for
    company. For threads, and for greenthreads where eventlet has patched `threading`.
    """

    def __init__(self, collection: Collection[Document], limit: int = LIMIT) -> None:
        self._collection = collection
        self._limit = limit
        self._lock = threading.Lock()
        self._line: deque[_Insert] = deque()
        self._has_leader = False

    def insert(self, document: Document) -> None:
        """Return once this document is stored, whatever becomes of the others in its group.

        Raises: DuplicateKeyError, DatabaseUnavailable.
        """
        # Encoded by its own writer, so that what can't be encoded fails nobody else.
        mine = _Insert(RawBSONDocument(bson.encode(document)))
        with self._lock:
            self._line.append(mine)
            mine.leads, self._has_leader = not self._has_leader, True
        if not mine.leads:
            self._wait(mine)
        if not mine.is_settled:
            self._lead()
        if mine.error:
            raise mine.error

    def _wait(self, mine: _Insert) -> None:
        try:
            mine.bell.acquire()
        except BaseException:
            with self._lock:
                if mine in self._line:
                    self._line.remove(mine)
            if mine.leads:
                self._hand_over()  # a greenthread was killed in its turn: the line goes on
            raise

    def _lead(self) -> None:
        group = self._take(self._limit)
        try:
            self._write(group)
        except BaseException as error:
            # Nobody knows what was stored; and who came meanwhile would wait as long, in vain.
            group += self._take(len(self._line))
            for each in group:
                each.error = DatabaseUnavailable(f"{type(error).__name__} of its group")
            raise
        finally:
            self._hand_over()
            for each in group:
                each.settle()

    def _take(self, limit: int) -> list[_Insert]:
        with self._lock:
            return [self._line.popleft() for _ in range(min(limit, len(self._line)))]

    def _write(self, group: Sequence[_Insert]) -> None:
        try:
            with database_errors():
                self._collection.insert_many([each.document for each in group], ordered=False)
        except BulkWriteError as error:
            details: Mapping[str, Any] = error.details or {}
            if details.get("writeConcernErrors"):
                raise DatabaseUnavailable("stored, but not durably yet") from None
            for fault in details["writeErrors"]:
                group[fault["index"]].error = _to_error(fault)

    def _hand_over(self) -> None:
        with self._lock:
            self._has_leader = bool(self._line)
            if self._line:
                self._line[0].leads = True
                self._line[0].bell.release()


def _to_error(fault: Mapping[str, Any]) -> WriteError:
    """Say what `insert_one` would have said."""
    kind = DuplicateKeyError if fault["code"] == _DUPLICATE_KEY else WriteError
    # The operation itself holds personal data, and errors are logged.
    details = {name: value for name, value in fault.items() if name != "op"}
    return kind(fault["errmsg"], fault["code"], details)
