"""The catalogue over RPC, by a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from nameko.cli.run import import_service
from pymongo.database import Database

from booking_service.service import CatalogueService
from clinic.catalogue.store import CatalogueStore
from clinic.domain.catalogue import DEFAULT_CLINIC
from clinic.domain.clock import now
from clinic.errors import (
    CatalogueInvalid,
    CatalogueItemNotFound,
    ItemInUse,
    ServiceUnavailable,
    VersionMismatch,
)
from clinic.messaging.topology import CATALOGUE
from clinic.rpc.rpc_client import ANSWER_SECONDS, RpcPool
from tests.catalogues import WHOLE, item

Call = Callable[..., Any]


@pytest.fixture
def store(database: Database[Any]) -> CatalogueStore:
    return CatalogueStore(database)


@pytest.fixture
def call(
    config: dict[str, Any], amqp_uri: str, container_factory: Any, store: CatalogueStore
) -> Iterator[Call]:
    store.replace(DEFAULT_CLINIC, WHOLE)
    container = container_factory(CatalogueService, config)
    container.start()
    pool = RpcPool(amqp_uri, CATALOGUE)

    def call(method: str, **arguments: Any) -> Any:
        return pool.call(method, until=time.monotonic() + 10 * ANSWER_SECONDS, **arguments)

    yield call
    pool.close()
    container.stop()


def test_the_booking_service_runs_it() -> None:
    assert CatalogueService in import_service("booking_service.service")


@pytest.mark.parametrize(
    ("kind", "item_id", "changes"),
    [
        ("service", "review", {"minutes": 20}),
        ("schedule", "ana", {"name": "Ana"}),
        ("site", "centro", {"address": "Calle Mayor 1"}),
    ],
)
def test_an_item_is_read_replaced_and_created(
    call: Call, kind: str, item_id: str, changes: dict[str, Any]
) -> None:
    name = f"{kind}_id"
    found = call(f"get_{kind}", **{name: item_id})
    assert found["version"] == 1
    changed = found["item"] | changes
    assert call(f"put_{kind}", **{name: item_id, kind: changed, "version": 1}) == {
        "item": changed,
        "version": 2,
    }
    inactive = {"active": False} if kind == "service" else {}
    copy = changed | {"id": "copy"} | inactive
    assert call(f"put_{kind}", **{name: "copy", kind: copy})["version"] == 1
    assert call(f"delete_{kind}", **{name: "copy"}) is None
    with pytest.raises(CatalogueItemNotFound):
        call(f"get_{kind}", **{name: "copy"})


def test_errors_arrive_as_they_were_raised(call: Call, database: Database[Any]) -> None:
    with pytest.raises(VersionMismatch):
        call("put_site", site_id="centro", site=item("sites", "centro", phone="1"), version=7)
    with pytest.raises(CatalogueInvalid) as invalid:
        call("put_site", site_id="centro", site=item("sites", "centro", zone="x"), version=1)
    assert [problem["path"] for problem in invalid.value.problems] == ["zone"]
    call("put_site", site_id="norte", site=item("sites", "centro", id="norte"))
    booking = {"clinic": DEFAULT_CLINIC, "status": "pending", "date": now() + timedelta(days=1)}
    database["bookings"].insert_one(booking | {"site": "norte"})
    with pytest.raises(ItemInUse) as in_use:
        call("delete_site", site_id="norte")
    assert in_use.value.bookings == {"sites/norte": 1}


@pytest.mark.parametrize(
    "arguments", [{"clinic": {"$gt": ""}}, {"clinic": "other"}, {"site_id": {"$gt": ""}}]
)
def test_an_unknown_or_invalid_id_is_not_found(call: Call, arguments: dict[str, Any]) -> None:
    with pytest.raises(CatalogueItemNotFound):
        call("get_site", **{"site_id": "centro"} | arguments)


def test_a_contested_catalogue_is_a_reason_to_retry(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CatalogueStore, "_save", lambda *_: False)
    with pytest.raises(ServiceUnavailable):
        call("put_site", site_id="centro", site=item("sites", "centro", phone="1"), version=1)
