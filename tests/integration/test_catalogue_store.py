"""Catalogues in MongoDB: one document, versions of its items, checks of every change."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from clinic.catalogue.comparison import KindChanges
from clinic.catalogue.problems import problems_in
from clinic.catalogue.schema.catalogue_schema import ItemKind
from clinic.catalogue.store import CatalogueStore
from clinic.domain.catalogue import DEFAULT_CLINIC, ScheduleKind
from clinic.domain.clock import now
from clinic.domain.time_cells import claim_key
from clinic.errors import (
    CatalogueContested,
    CatalogueInvalid,
    CatalogueItemNotFound,
    DatabaseUnavailable,
    ItemInUse,
    VersionMismatch,
)
from tests.catalogues import WHOLE, item, whole, with_item
from tests.operations import Operations

SERVICE, SCHEDULE, SITE = ItemKind.SERVICE, ItemKind.SCHEDULE, ItemKind.SITE
CLINIC = DEFAULT_CLINIC
TOMORROW = now() + timedelta(days=1)


@pytest.fixture
def empty(database: Database[Any]) -> CatalogueStore:
    return CatalogueStore(database, timedelta(days=90))


@pytest.fixture
def store(empty: CatalogueStore) -> CatalogueStore:
    empty.replace(CLINIC, WHOLE)
    return empty


def paths(error: CatalogueInvalid) -> list[str]:
    return [problem.path for problem in problems_in(error)]


def put(
    store: CatalogueStore, kind: ItemKind, item_id: str, version: int | None, **changes: Any
) -> int:
    return store.put(CLINIC, kind, item_id, item(kind.value, item_id, **changes), version)[1]


# --- reading


def test_a_clinic_without_a_catalogue_has_none(empty: CatalogueStore) -> None:
    assert empty.load(CLINIC) is None
    assert empty.export(CLINIC) is None
    assert empty.version(CLINIC) == 0
    assert empty.list(CLINIC, SERVICE) == []


def test_a_stored_catalogue_loads_into_the_domain(store: CatalogueStore) -> None:
    catalogue = store.load(CLINIC)
    assert catalogue is not None
    assert (catalogue.clinic, catalogue.version, catalogue.is_configured) == (CLINIC, 1, True)
    assert catalogue.horizon == timedelta(days=90)
    assert list(catalogue.services) == ["visit", "review"]
    review = catalogue.services["review"]
    assert [each.id for each in catalogue.schedules_for(review, ScheduleKind.ROOM)] == ["room-1"]


def test_catalogues_of_clinics_are_separate(store: CatalogueStore) -> None:
    store.replace("other", with_item("sites", "centro", address="Calle Mayor 1"))
    assert store.get(CLINIC, SITE, "centro")[0]["address"] == ""
    assert store.get("other", SITE, "centro")[0]["address"] == "Calle Mayor 1"


@pytest.mark.parametrize("clinic", [{"$gt": ""}, None, "Default", "", "x" * 25])
def test_an_invalid_clinic_never_becomes_a_query(store: CatalogueStore, clinic: Any) -> None:
    for read in (store.load, store.version, store.export):
        with pytest.raises(CatalogueItemNotFound):
            read(clinic)


@pytest.mark.parametrize("item_id", ["nobody", {"$gt": ""}, None])
def test_an_unknown_item_is_not_found(store: CatalogueStore, item_id: Any) -> None:
    with pytest.raises(CatalogueItemNotFound):
        store.get(CLINIC, SCHEDULE, item_id)
    with pytest.raises(CatalogueItemNotFound):
        store.delete(CLINIC, SCHEDULE, item_id)


# --- versions


def test_an_item_has_its_own_version(store: CatalogueStore) -> None:
    assert put(store, SCHEDULE, "ana", 1, name="Ana López Ruiz") == 2
    assert store.get(CLINIC, SCHEDULE, "ana")[0]["name"] == "Ana López Ruiz"
    assert store.get(CLINIC, SCHEDULE, "room-1")[1] == 1
    catalogue = store.load(CLINIC)
    assert catalogue is not None
    assert (catalogue.version, catalogue.schedules["ana"].version) == (2, 2)


def test_the_same_content_keeps_the_versions(store: CatalogueStore) -> None:
    assert put(store, SCHEDULE, "ana", 1, weight=1, absences=[]) == 1
    assert not store.replace(CLINIC, WHOLE)
    assert store.version(CLINIC) == 1


@pytest.mark.parametrize("expected", [None, 2, 0])
def test_a_change_of_another_version_is_rejected(
    store: CatalogueStore, expected: int | None
) -> None:
    with pytest.raises(VersionMismatch):
        put(store, SCHEDULE, "ana", expected, name="Ana")
    assert store.get(CLINIC, SCHEDULE, "ana")[0]["name"] == "Ana López"


def test_a_new_item_has_no_version_to_expect(store: CatalogueStore) -> None:
    norte = item("sites", "centro", id="norte")
    with pytest.raises(VersionMismatch):
        store.put(CLINIC, SITE, "norte", norte, 1)
    assert store.put(CLINIC, SITE, "norte", norte, None)[1] == 1


def test_a_recreated_item_never_has_an_earlier_version(store: CatalogueStore) -> None:
    norte = item("sites", "centro", id="norte")
    store.put(CLINIC, SITE, "norte", norte, None)
    store.delete(CLINIC, SITE, "norte", 1)
    assert store.put(CLINIC, SITE, "norte", norte, None)[1] == 2


def test_a_stale_deletion_is_rejected(store: CatalogueStore) -> None:
    store.put(CLINIC, SITE, "norte", item("sites", "centro", id="norte"), None)
    with pytest.raises(VersionMismatch):
        store.delete(CLINIC, SITE, "norte", 2)
    store.delete(CLINIC, SITE, "norte", 1)
    with pytest.raises(CatalogueItemNotFound):
        store.get(CLINIC, SITE, "norte")


# --- validity


def test_an_invalid_item_is_rejected_with_all_its_problems(store: CatalogueStore) -> None:
    with pytest.raises(CatalogueInvalid) as caught:
        put(store, SCHEDULE, "ana", 1, name="", weight=0)
    assert paths(caught.value) == ["name", "weight"]


def test_the_id_of_an_item_does_not_change(store: CatalogueStore) -> None:
    for changed in ("ana-lopez", None):
        with pytest.raises(CatalogueInvalid) as caught:
            put(store, SCHEDULE, "ana", 1, id=changed)
        assert paths(caught.value) == ["id"]


def test_a_change_that_makes_the_whole_invalid_is_rejected(store: CatalogueStore) -> None:
    hours = [{"site": "norte", "weekday": "monday", "intervals": ["09:00-10:00"]}]
    with pytest.raises(CatalogueInvalid) as caught:
        put(store, SCHEDULE, "room-1", 1, hours=hours, services=[])
    # Of the item itself, and of another one.
    assert paths(caught.value) == ["services[1]", "hours[0].site"]
    assert store.version(CLINIC) == 1


@pytest.mark.parametrize(
    ("kind", "item_id", "path"),
    [
        (SERVICE, "visit", "services"),
        (SERVICE, "review", "schedules[0].services"),
        (SCHEDULE, "room-1", "services[1]"),
        (SITE, "centro", "schedules[0].hours[0].site"),
    ],
)
def test_a_referenced_item_is_not_deleted(
    store: CatalogueStore, kind: ItemKind, item_id: str, path: str
) -> None:
    with pytest.raises(CatalogueInvalid) as caught:
        store.delete(CLINIC, kind, item_id, 1)
    assert paths(caught.value)[0] == path


def test_a_catalogue_can_be_built_item_by_item(empty: CatalogueStore) -> None:
    put(empty, SITE, "centro", None)
    put(empty, SERVICE, "visit", None, active=False)
    put(empty, SCHEDULE, "ana", None, services=["visit"])
    assert empty.load(CLINIC) is None
    put(empty, SERVICE, "visit", 1)
    catalogue = empty.load(CLINIC)
    assert catalogue is not None
    assert catalogue.default_service.id == "visit"


def test_a_catalogue_in_use_stays_complete(store: CatalogueStore) -> None:
    put(store, SERVICE, "review", 1, active=False)
    with pytest.raises(CatalogueInvalid):
        put(store, SERVICE, "visit", 1, active=False)


def test_an_invalid_catalogue_is_not_imported(empty: CatalogueStore) -> None:
    for change in (empty.replace, empty.plan):
        with pytest.raises(CatalogueInvalid) as caught:
            change(CLINIC, with_item("services", "visit", default=False, minutes=7))
        assert paths(caught.value) == ["services[0].minutes"]
    assert empty.export(CLINIC) is None


def test_a_catalogue_that_is_too_large_is_rejected(
    empty: CatalogueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinic.catalogue.store.MAX_CATALOGUE_BYTES", 1000)
    with pytest.raises(CatalogueInvalid):
        empty.replace(CLINIC, WHOLE)


# --- import and export


def test_an_import_reports_and_stores_what_changes(store: CatalogueStore) -> None:
    changed = with_item("schedules", "ana", name="Ana", services=["visit"])
    changed["services"] = [changed["services"][0], item("services", "visit", id="x", default=False)]
    changed["schedules"][0]["services"] = ["visit", "x"]
    changed["schedules"] = changed["schedules"][:1]
    expected = {
        SERVICE: KindChanges(added=("x",), removed=("review",)),
        SCHEDULE: KindChanges(changed=("ana",), removed=("room-1",)),
        SITE: KindChanges(),
    }
    planned = store.plan(CLINIC, changed)
    assert store.version(CLINIC) == 1
    assert store.replace(CLINIC, changed) == planned
    assert planned.items == expected
    assert store.version(CLINIC) == 2
    assert store.get(CLINIC, SCHEDULE, "ana")[1] == 2
    assert store.get(CLINIC, SITE, "centro")[1] == 1


def test_the_profile_and_the_order_are_stored_too(store: CatalogueStore) -> None:
    reordered = whole(services=WHOLE["services"][::-1])
    assert store.replace(CLINIC, reordered).is_reordered
    assert [each["id"] for each in store.list(CLINIC, SERVICE)] == ["review", "visit"]
    changes = store.replace(CLINIC, reordered | {"clinic": {"name": "Clínica Luna"}})
    assert changes.is_profile_changed
    catalogue = store.load(CLINIC)
    assert catalogue is not None
    assert catalogue.profile.name == "Clínica Luna"
    assert store.get(CLINIC, SERVICE, "visit")[1] == 1


def test_an_exported_catalogue_imports_without_changes(store: CatalogueStore) -> None:
    exported = store.export(CLINIC)
    assert exported is not None
    assert not store.plan(CLINIC, exported)


# --- bookings


def booked(database: Database[Any], **fields: Any) -> None:
    booking = {"clinic": CLINIC, "status": "confirmed", "date": TOMORROW, "claims": []}
    database["bookings"].insert_one(booking | fields)


@pytest.mark.parametrize(
    ("kind", "item_id", "fields"),
    [
        (SERVICE, "x", {"service": "x"}),
        (SITE, "x", {"site": "x"}),
        (SCHEDULE, "x", {"practitioner": "x"}),
        (SCHEDULE, "x", {"claims": [claim_key("ana", 0, 7), claim_key("x", 2, 7)]}),
    ],
)
def test_an_item_that_upcoming_bookings_need_is_not_deleted(
    store: CatalogueStore,
    database: Database[Any],
    kind: ItemKind,
    item_id: str,
    fields: dict[str, Any],
) -> None:
    added = with_item("services", "visit")
    source = {SERVICE: "review", SITE: "centro", SCHEDULE: "room-1"}[kind]
    extra = item(kind.value, source, id="x") | ({"active": False} if kind is SERVICE else {})
    added[kind.value].append(extra)
    store.replace(CLINIC, added)
    booked(database, **fields)
    booked(database, **fields, status="pending")
    booked(database, **fields, status="cancelled")
    booked(database, **fields, date=now() - timedelta(days=1))
    booked(database, **fields, clinic="other")
    booked(database, **{name: "xy" for name in fields if name != "claims"}, claims=["xy/0/7"])
    for remove in (
        lambda: store.delete(CLINIC, kind, item_id, 1),
        lambda: store.replace(CLINIC, WHOLE),
        lambda: store.plan(CLINIC, WHOLE),
    ):
        with pytest.raises(ItemInUse) as caught:
            remove()
        assert caught.value.bookings == {f"{kind.value}/x": 2}
    assert store.get(CLINIC, kind, "x")[1] == 1
    database["bookings"].update_many({}, {"$set": {"status": "cancelled"}})
    store.delete(CLINIC, kind, item_id, 1)


def test_a_change_that_removes_nothing_reads_no_booking(
    counted: Database[Any], operations: Operations
) -> None:
    store = CatalogueStore(counted)
    store.replace(CLINIC, WHOLE)
    put(store, SCHEDULE, "ana", 1, name="Ana")
    assert "bookings" not in str(operations.commands)


# --- concurrency


def test_concurrent_changes_of_different_items_all_succeed(store: CatalogueStore) -> None:
    writers = 8
    failures: list[Exception] = []
    barrier = threading.Barrier(writers)

    def write(number: int) -> None:
        barrier.wait()
        try:
            site = item("sites", "centro", id=f"site-{number}")
            store.put(CLINIC, SITE, f"site-{number}", site, None)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=[number]) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.list(CLINIC, SITE)) == 1 + writers
    assert store.version(CLINIC) == 1 + writers


def test_one_of_two_changes_of_the_same_version_succeeds(
    store: CatalogueStore, database: Database[Any]
) -> None:
    """Another process replaces the document between our read and our write."""
    other = CatalogueStore(database)
    save = store._save

    def late(*arguments: Any) -> bool:
        if store.version(CLINIC) == 1:
            put(other, SCHEDULE, "ana", 1, name="Other")
        return save(*arguments)

    store._save = late  # type: ignore[method-assign]
    with pytest.raises(VersionMismatch):
        put(store, SCHEDULE, "ana", 1, name="Ours")
    assert put(store, SITE, "centro", 1, address="Calle Mayor 1") == 2
    assert store.get(CLINIC, SCHEDULE, "ana") == (
        item("schedules", "ana", name="Other")
        | {"services": ["review", "visit"], "exceptions": [], "absences": []}
        | {"capacity": 1, "overbook": 0, "weight": 1, "active": True}
        | {"hours": [WHOLE["schedules"][0]["hours"][0] | {"from": None, "until": None}]},
        2,
    )


def test_the_attempts_of_a_change_are_bounded(
    store: CatalogueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CatalogueStore, "_save", lambda *_: False)
    monkeypatch.setattr("clinic.catalogue.store._PAUSE_SECONDS", 0)
    with pytest.raises(CatalogueContested):
        put(store, SCHEDULE, "ana", 1, name="Ana")


def test_an_unreachable_database_is_an_error_of_ours() -> None:
    uri = "mongodb://127.0.0.1:1/clinic?serverSelectionTimeoutMS=50"
    with CatalogueStore.opened(uri) as store, pytest.raises(DatabaseUnavailable):
        store.load(CLINIC)
