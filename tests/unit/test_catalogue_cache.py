from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from clinic.catalogue.cache import CatalogueCache
from clinic.domain.booking import Choice
from clinic.domain.catalogue import Catalogue
from clinic.errors import DatabaseUnavailable
from tests.clinics import make_calendar, make_catalogue, make_schedule, make_service

DEFAULT = make_calendar().to_catalogue()
FIRST = make_catalogue([make_schedule("ana")], version=1)
SECOND = make_catalogue(
    [make_schedule("ana"), make_schedule("luis")],
    [make_service(is_default=True), make_service("scan")],
    version=2,
)


class Store:
    """Holds a catalogue, and counts how often it is loaded."""

    def __init__(self, catalogue: Catalogue | None = FIRST) -> None:
        self.catalogue = catalogue
        self.loads = self.version_reads = 0
        self.is_down = False

    def load(self, _clinic: str) -> Catalogue | None:
        self.loads += 1
        if self.is_down:
            raise DatabaseUnavailable("away")
        return self.catalogue

    def version(self, _clinic: str) -> int:
        self.version_reads += 1
        if self.is_down:
            raise DatabaseUnavailable("away")
        return self.catalogue.version if self.catalogue else 0


def cache_of(store: Store, refresh_seconds: float = 0) -> CatalogueCache:
    return CatalogueCache(store.load, DEFAULT, refresh_seconds, store.version)


def test_a_clinic_without_a_stored_catalogue_has_the_default_one() -> None:
    assert cache_of(Store(None)).get() is DEFAULT


def test_a_fresh_catalogue_is_not_read_again() -> None:
    store = Store()
    cache = cache_of(store, refresh_seconds=3600)
    assert [cache.get() for _ in range(3)] == [FIRST] * 3
    assert (store.loads, store.version_reads) == (1, 0)


def test_an_unchanged_catalogue_is_the_same_object_and_is_not_loaded() -> None:
    store = Store()
    cache = cache_of(store)
    assert cache.get() is cache.get()
    assert (store.loads, store.version_reads) == (1, 1)


def test_a_changed_catalogue_is_loaded() -> None:
    store = Store()
    cache = cache_of(store)
    cache.get()
    store.catalogue = SECOND
    assert cache.get() is SECOND


def test_the_last_catalogue_serves_while_the_database_is_down() -> None:
    store = Store()
    cache = cache_of(store)
    cache.get()
    store.is_down = True
    assert cache.get() is FIRST
    with pytest.raises(DatabaseUnavailable):
        cache.get("other")


def test_who_changes_a_catalogue_reads_it_again() -> None:
    store = Store()
    cache = cache_of(store, refresh_seconds=3600)
    cache.get()
    store.catalogue = SECOND
    cache.forget()
    assert cache.get() is SECOND


@pytest.mark.parametrize(
    "choice", [Choice("scan"), Choice("visit", "luis"), Choice("visit", None, "norte")]
)
def test_an_unknown_item_is_looked_for_in_a_newer_catalogue(choice: Choice) -> None:
    store = Store()
    cache = cache_of(store, refresh_seconds=3600)
    cache.get()
    store.catalogue = SECOND
    assert cache.get_knowing("default", Choice("visit", "ana", "centro")) is FIRST
    assert cache.get_knowing("default", choice) is SECOND


def test_a_hanging_read_holds_nobody_else_up() -> None:
    store, entered, release = Store(), threading.Event(), threading.Event()
    cache = cache_of(store)
    cache.get()
    version = store.version

    def hang(clinic: str) -> int:
        entered.set()
        release.wait(30)
        return version(clinic)

    cache._version = hang
    reader = threading.Thread(target=cache.get)
    reader.start()
    assert entered.wait(30)
    assert cache.get() is FIRST
    release.set()
    reader.join(30)


def test_a_catalogue_of_the_configuration_has_no_services_to_choose() -> None:
    assert DEFAULT.has(Choice())
    assert not DEFAULT.has(Choice("visit"))
    assert replace(FIRST, is_configured=True).has(Choice("visit", "ana", "centro"))
