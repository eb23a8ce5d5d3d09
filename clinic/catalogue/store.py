"""Stub."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from clinic.domain.catalogue import Catalogue


class CatalogueStore:
    def __init__(self, database: Any, horizon: timedelta) -> None:
        pass

    def load(self, clinic: str) -> Catalogue | None:
        return None
