"""An allocator lives as long as the catalogue and the claim grid that it is made for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from booking_service.scheduling.current_allocators import CurrentAllocators
from clinic.catalogue.cache import CatalogueCache
from clinic.catalogue.from_configuration import POOL
from clinic.domain.booking import Choice
from clinic.domain.catalogue import Catalogue
from tests.clinics import make_calendar, make_catalogue, make_schedule


class Clinic:
    """Its stored catalogue and its grid, which a test may change."""

    def __init__(self, catalogue: Catalogue | None = None) -> None:
        self.catalogue = catalogue
        self.grid = 30

    def allocators(self, refresh_seconds: float = 0) -> CurrentAllocators:
        default = make_calendar().to_catalogue()
        cache = CatalogueCache(lambda _clinic: self.catalogue, default, refresh_seconds)
        grids: Any = SimpleNamespace(minutes=lambda *_: self.grid)
        bookings: Any = None
        return CurrentAllocators(bookings, cache, grids)


def test_the_same_allocator_is_used_while_nothing_changes() -> None:
    allocators = Clinic().allocators()
    assert allocators.of("default") is allocators.of("default")


def test_a_finer_grid_makes_another_allocator() -> None:
    clinic = Clinic()
    allocators = clinic.allocators()
    before = allocators.of("default")
    clinic.grid = 10
    after = allocators.of("default")
    grids = [each.hours.catalogue.schedules[POOL].grid_minutes for each in (before, after)]
    assert grids == [30, 10]


def test_a_changed_catalogue_makes_another_allocator() -> None:
    clinic = Clinic(make_catalogue([make_schedule("ana")], version=1))
    allocators = clinic.allocators()
    allocators.of("default")
    clinic.catalogue = make_catalogue([make_schedule("luis")], version=2)
    assert list(allocators.of("default").hours.catalogue.schedules) == ["luis"]


def test_an_unknown_practitioner_makes_it_look_for_a_newer_catalogue() -> None:
    clinic = Clinic(make_catalogue([make_schedule("ana")], version=1))
    allocators = clinic.allocators(refresh_seconds=3600)
    allocators.of("default")
    clinic.catalogue = make_catalogue([make_schedule("luis")], version=2)
    assert "ana" in allocators.of("default").hours.catalogue.schedules
    chosen = Choice("visit", "luis")
    assert "luis" in allocators.of("default", chosen).hours.catalogue.schedules
