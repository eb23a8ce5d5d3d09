"""Catalogues for tests, in the form of files and requests."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

#: A small valid catalogue: Ana does visits, and reviews in the room.
WHOLE: dict[str, Any] = {
    "clinic": {"name": "Clínica Sol", "languages": ["es", "en"]},
    "services": [
        {"id": "visit", "names": {"es": "Visita", "en": "Visit"}, "minutes": 30, "default": True},
        {
            "id": "review",
            "names": {"es": "Revisión"},
            "minutes": 15,
            "before": 5,
            "after": 10,
            "needs": ["practitioner", "room"],
        },
    ],
    "schedules": [
        {
            "id": "ana",
            "kind": "practitioner",
            "name": "Ana López",
            "services": ["visit", "review"],
            "hours": [
                {"site": "centro", "weekday": "monday", "intervals": ["09:00-13:00", "15:00-18:00"]}
            ],
        },
        {
            "id": "room-1",
            "kind": "room",
            "name": "Sala 1",
            "services": ["review"],
            "hours": [{"site": "centro", "weekday": "monday", "intervals": ["08:00-20:00"]}],
        },
    ],
    "sites": [{"id": "centro", "names": {"es": "Centro"}, "zone": "Europe/Madrid"}],
}


def whole(**changes: Any) -> dict[str, Any]:
    """Return a copy, with other members."""
    return deepcopy(WHOLE) | changes


def item(kind: str, item_id: str, /, **changes: Any) -> dict[str, Any]:
    """Return a copy of one of its items, with other members."""
    found = next(each for each in WHOLE[kind] if each["id"] == item_id)
    return deepcopy(found) | changes


def with_item(kind: str, item_id: str, /, **changes: Any) -> dict[str, Any]:
    """Return the catalogue with one item changed."""
    items = [
        each | deepcopy(changes) if each["id"] == item_id else deepcopy(each)
        for each in WHOLE[kind]
    ]
    return whole(**{kind: items})
