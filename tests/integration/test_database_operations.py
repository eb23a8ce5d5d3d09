"""How many database operations and messages a booking costs, and which indexes its queries use.

The numbers are exact, so that a change which adds an operation has to say so here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import combinations
from typing import Any

import pytest
from flask.testing import FlaskClient
from pymongo.database import Database

from booking_service.decide import Decider
from booking_service.settings import booking_settings
from clinic.bookings.bootstrap import create_repository
from clinic.bookings.change_feed import ChangeFeed
from clinic.bookings.confirmed_appointments import UpcomingAppointments
from clinic.bookings.repository import BookingRepository
from clinic.config import settings
from clinic.contracts.bookings_query import BookingsQuery, Position
from clinic.contracts.messages import BookingRequested, BookingStateChanged
from clinic.domain import booking as steps
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now, to_wire
from clinic.domain.manage_token import create_credentials
from clinic.messaging.amqp_message import AmqpMessage
from clinic.messaging.publisher_confirms import PublisherConfirms
from clinic.outbox.outbox import Outbox
from clinic.outbox.relay import Relay
from clinic.outbox.relay_registry import Checkpoint
from gateway.app import create_app
from gateway.settings import GatewaySettings
from notification_service.delivery import Delivery
from notification_service.delivery_log import Claim, DeliveryLog, State
from notification_service.delivery_status import Notifications
from notification_service.email.composer import EmailComposer, Links
from notification_service.settings import notification_settings
from tests.amqp import body_of, take
from tests.bookings import put_booking, requested
from tests.clinics import confirm_seat
from tests.conftest import eventually
from tests.operations import Operations
from tests.rpc import NO_SERVICE
from tests.use_cases import changes_of, decider_of

#: Noon of a day on which the clinic is open by default.
TOMORROW = (now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
BODY = {"patientName": "Ana", "patientEmail": "ana@example.com", "date": to_wire(TOMORROW)}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[AmqpMessage]:
    """Every message passed to the broker."""
    messages: list[AmqpMessage] = []
    publish = PublisherConfirms.publish

    def publish_and_record(confirms: PublisherConfirms, some: Sequence[AmqpMessage]) -> None:
        messages.extend(some)
        publish(confirms, some)

    monkeypatch.setattr(PublisherConfirms, "publish", publish_and_record)
    return messages


@pytest.fixture
def parts(
    config: dict[str, Any], counted: Database[Any], operations: Operations
) -> Iterator[tuple[BookingRepository, Relay]]:
    """A repository with its indexes, and its relay after its only recovery scan."""
    # The relay saves a checkpoint a few times a second, whatever the number of bookings.
    # A process reads the version of the catalogue, and the claim grid, every few seconds.
    operations.ignored += ["relays", "catalogues", "claim_grids"]
    config["OUTBOX_RECOVERY_INTERVAL_SECONDS"] = 3600
    store, relay = create_repository(counted, settings(config))
    store._ensure_indexes()
    relay.start()
    eventually(lambda: relay.is_broker_up and operations.names[-1] == "find")
    operations.clear()
    yield store, relay
    relay.stop()


@pytest.fixture
def client(parts: tuple[BookingRepository, Relay]) -> FlaskClient:
    return create_app(*parts, GatewaySettings(), NO_SERVICE, NO_SERVICE).test_client()


@pytest.fixture
def store(parts: tuple[BookingRepository, Relay]) -> BookingRepository:
    return parts[0]


@pytest.fixture
def decider(store: BookingRepository, config: dict[str, Any]) -> Decider:
    own = booking_settings(config)
    return decider_of(store, own.catalogue.default, own.check)


def delivery(
    counted: Database[Any],
    store: BookingRepository,
    config: dict[str, Any],
    links: Links | None = None,
) -> Delivery:
    own = notification_settings(config)
    delivery_log = DeliveryLog(counted, "email", lease_seconds=60)
    writer = EmailComposer(own.sender, own.zone, own.slot, links)
    return Delivery(store, delivery_log, own.channel, writer.compose)


def test_a_booking_costs_five_operations_and_two_messages(
    client: FlaskClient,
    decider: Decider,
    counted: Database[Any],
    config: dict[str, Any],
    amqp_uri: str,
    operations: Operations,
    published: list[AmqpMessage],
) -> None:
    deliver = delivery(counted, decider.bookings, config).deliver
    operations.clear()

    assert client.post("/book", json=BODY).status_code == 201
    request = eventually(lambda: take(amqp_uri, "booking_requests"))
    assert operations.names == ["insert"]

    decider.decide(BookingRequested.from_body(body_of(request)))
    event = eventually(lambda: take(amqp_uri, "notification_service.email"))
    assert operations.names[1:] == ["update"]  # its transition

    deliver(BookingStateChanged.from_body(body_of(event)))
    assert operations.names[2:] == [
        "find",
        "insert",
        "update",
    ]  # the booking; its delivery record

    assert [message.routing_key for message in published] == [
        "booking_requests",
        "booking_state_changed",
    ]


def test_notifying_a_superseded_transition_costs_one_more_read(
    store: BookingRepository, counted: Database[Any], config: dict[str, Any], operations: Operations
) -> None:
    deliver = delivery(counted, store, config).deliver
    booking = put_booking(store)
    confirmation = confirm_seat(booking, at=now(), by="test")
    store.apply(confirmation)
    current = store.get(booking.id)
    store.apply(steps.cancel(current, reason="cancelled_by_clinic", at=now(), by="test"))
    operations.clear()
    deliver(BookingStateChanged.of(confirmation))
    assert operations.names == ["find", "insert", "find", "update"]


def test_a_link_in_the_email_costs_the_notifier_one_more_read(
    store: BookingRepository, counted: Database[Any], config: dict[str, Any], operations: Operations
) -> None:
    links = Links("https://clinica.example", "what signs the codes", store.access)
    deliver = delivery(counted, store, config, links).deliver
    booking = put_booking(store)
    confirmation = confirm_seat(booking, at=now(), by="test")
    store.apply(confirmation)
    operations.clear()
    deliver(BookingStateChanged.of(confirmation))
    assert operations.names == ["find", "find", "insert", "update"]


def test_a_repeated_key_costs_two_operations(client: FlaskClient, operations: Operations) -> None:
    headers = {"Idempotency-Key": "key-1"}
    assert client.post("/book", json=BODY, headers=headers).status_code == 201
    operations.clear()
    assert client.post("/book", json=BODY, headers=headers).status_code == 201
    assert operations.names == ["insert", "find"]


@pytest.mark.parametrize("query", ["limit=2", "status=pending&limit=2"])
def test_a_full_page_costs_one_operation(
    client: FlaskClient, store: BookingRepository, operations: Operations, query: str
) -> None:
    for _ in range(3):
        put_booking(store)
    operations.clear()
    assert client.get(f"/bookings/?{query}").status_code == 200
    assert operations.names == ["find"]


def test_a_page_that_is_not_full_costs_four_operations(
    client: FlaskClient, operations: Operations
) -> None:
    assert client.get("/bookings/").status_code == 200
    assert operations.names == ["find"] * 4


def test_reading_a_booking_costs_one_operation(
    client: FlaskClient, store: BookingRepository, operations: Operations
) -> None:
    booking = put_booking(store)
    operations.clear()
    assert client.get(f"/booking/{booking.id}").status_code == 200
    assert operations.names == ["find"]


def test_a_recovery_scan_without_results_costs_one_operation(
    store: BookingRepository, operations: Operations
) -> None:
    assert store.outbox.claim_overdue(100) == []
    assert operations.names == ["find"]


def test_rescheduling_a_booking_costs_a_read_and_an_update(
    decider: Decider, config: dict[str, Any], operations: Operations
) -> None:
    booking = put_booking(decider.bookings, date=TOMORROW)
    decider.decide(BookingRequested.of(booking))
    operations.clear()
    changes = changes_of(decider.bookings, booking_settings(config).catalogue.default, "patient")
    changes.reschedule(booking.id, TOMORROW + timedelta(days=1))
    assert operations.names == ["find", "update"]


# --- the cost of concurrent calls

#: The first call alone, then two full batches.
CONCURRENT_CALLS = 101


@pytest.fixture
def many_bookings(counted: Database[Any]) -> tuple[BookingRepository, list[Booking]]:
    """A repository without a relay, and its bookings."""
    store = BookingRepository(counted, Outbox(counted))
    dates = [TOMORROW + timedelta(minutes=30 * number) for number in range(CONCURRENT_CALLS)]
    return store, [put_booking(store, date=date) for date in dates]


def test_concurrent_reads_are_batched(
    many_bookings: tuple[BookingRepository, list[Booking]], operations: Operations
) -> None:
    store, bookings = many_bookings
    operations.clear()
    assert operations.crowd(partial(store.get, each.id) for each in bookings) == bookings
    assert operations.names == ["find"] * 3


def test_concurrent_decisions_are_batched(
    many_bookings: tuple[BookingRepository, list[Booking]], operations: Operations
) -> None:
    store, bookings = many_bookings
    taken = [confirm_seat(each, at=now(), by="test") for each in bookings]
    operations.clear()
    assert set(operations.crowd(partial(store.apply, each) for each in taken)) == {None}
    assert operations.names == ["update"] * 3
    asked = [command["updates"][0]["q"]["_id"] for command in operations.commands]
    assert [len(each["$in"]) for each in asked[1:]] == [50, 50]
    assert {store.get(each.id).status for each in bookings} == {Status.CONFIRMED}


def test_concurrent_notifications_are_batched(
    counted: Database[Any], operations: Operations
) -> None:
    delivery_log = DeliveryLog(counted, "email", lease_seconds=60)
    taken = [
        steps.reject(requested(), reason="past", at=now(), by="") for _ in range(CONCURRENT_CALLS)
    ]
    events = [BookingStateChanged.of(each) for each in taken]
    operations.clear()
    claims = operations.crowd(partial(delivery_log.claim, each) for each in events)
    assert operations.names == ["insert"] * 3
    assert claims == [Claim(event, tries=1) for event in events]
    operations.clear()
    operations.crowd(partial(delivery_log.record_outcome, each, State.SENT) for each in claims)
    assert operations.names == ["update"] * 3
    assert {row.state for row in delivery_log.find_records(events).values()} == {State.SENT}


# --- query plans


class Plans:
    """The plans of the recorded queries, as the server explains them."""

    def __init__(self, database: Database[Any], operations: Operations) -> None:
        self._database = database
        self._queries = [query for each in operations.commands for query in _queries(each)]
        operations.clear()

    def stages(self) -> list[list[str]]:
        """The stages of each query; an index scan includes the name of the index."""
        assert self._queries
        return [self._stages_of(query) for query in self._queries]

    def _stages_of(self, query: dict[str, Any]) -> list[str]:
        stages, conditions = self._explained(query), query["filter"]
        if (
            "COLLSCAN" not in stages
            or not self.is_secantus
            or any("$" in each for each in conditions)
        ):
            return stages
        # SecantusDB uses the index of the first indexed condition of a query, but its explain
        # does not show that. A partial index needs two conditions.
        fewer = [
            {each: conditions[each] for each in some}
            for size in (1, 2)
            for some in combinations(conditions, size)
        ]
        alone = (self._explained(query | {"filter": each}) for each in fewer)
        return next((each for each in alone if "COLLSCAN" not in each), stages)

    def _explained(self, query: dict[str, Any]) -> list[str]:
        return _stages_of_plan(
            self._database.command("explain", query)["queryPlanner"]["winningPlan"]
        )

    @property
    def is_secantus(self) -> bool:
        response = self._database.command("explain", {"find": "bookings", "filter": {}})
        return bool(response["serverInfo"]["host"] == "secantus")


def _queries(command: dict[str, Any]) -> list[dict[str, Any]]:
    """The queries of a command, as find commands."""
    name, collection = next(iter(command.items()))
    if name == "find":
        wanted = ("find", "filter", "sort", "limit", "projection")
        return [{part: command[part] for part in wanted if part in command}]
    if name == "update":
        return [{"find": collection, "filter": each["q"]} for each in command["updates"]]
    if name == "aggregate":
        return [{"find": collection, "filter": command["pipeline"][0]["$match"]}]
    return []


def _stages_of_plan(plan: dict[str, Any]) -> list[str]:
    plan = plan.get("queryPlan", plan)  # with mongod's slot-based engine
    inner = [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", [])
    index = plan.get("indexName")
    own = [plan["stage"] if index is None else f"{plan['stage']} {index}"]
    return own + [stage for each in inner for stage in _stages_of_plan(each)]


@pytest.fixture
def stored(counted: Database[Any], config: dict[str, Any]) -> BookingRepository:
    """A repository of pending and confirmed bookings, one of them with an idempotency key."""
    store, _ = create_repository(counted, settings(config))
    for minutes in range(20):
        booking = put_booking(store, date=TOMORROW + timedelta(minutes=30 * minutes))
        if minutes % 2:
            store.apply(confirm_seat(booking, at=now(), by="test"))
    store.insert(requested(), create_credentials("key-1", b"body")[1])
    return store


def test_a_lookup_by_idempotency_key_uses_its_index(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    operations.clear()
    stored.find_by_key(create_credentials("key-1", b"body")[1])
    assert_uses_index(Plans(counted, operations), "one_booking_per_key")


def test_operations_on_a_booking_use_the_id_index(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    booking = put_booking(stored)
    operations.clear()
    stored.get(booking.id)
    stored.apply(steps.reject(booking, reason="past", at=now(), by="test"))
    stored.flag_for_review(booking.id, "check_unavailable")
    assert_uses_index(Plans(counted, operations), "_id_")


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"status": Status.PENDING},
        {"date_from": TOMORROW},
        {"date_to": TOMORROW},
        {"date_from": TOMORROW, "date_to": TOMORROW + timedelta(days=1)},
        {"status": Status.CONFIRMED, "date_from": TOMORROW},
    ],
    ids=["all", "status", "from", "to", "day", "status and from"],
)
@pytest.mark.parametrize("is_deep", [False, True], ids=["first", "deep"])
def test_a_page_query_uses_an_index(
    stored: BookingRepository,
    counted: Database[Any],
    operations: Operations,
    filters: dict[str, Any],
    is_deep: bool,
) -> None:
    operations.clear()
    after = Position(now(), requested().id) if is_deep else None
    stored.list(BookingsQuery(after=after, **filters))
    for stages in Plans(counted, operations).stages():
        assert "COLLSCAN" not in stages
        assert any("IXSCAN" in each for each in stages)


def test_the_first_page_is_read_in_index_order(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    operations.clear()
    stored.list(BookingsQuery())
    plans = Plans(counted, operations)
    for stages in plans.stages():
        assert "IXSCAN newest" in stages
        # SecantusDB always sorts the results of a bounded query.
        assert "SORT" not in stages or plans.is_secantus


def test_appointments_are_found_by_their_index(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    operations.clear()
    stored.appointments_between("default", TOMORROW, TOMORROW + timedelta(hours=8))
    assert_uses_index(Plans(counted, operations), "appointments")


def test_the_recovery_scan_uses_an_index(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    operations.clear()
    stored.outbox.claim_overdue(100)
    assert_uses_index(Plans(counted, operations), "newest_by_status")


def test_counting_overdue_requests_uses_an_index(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    operations.clear()
    stored.outbox.count_overdue(100)
    assert_uses_index(Plans(counted, operations), "newest_by_status")


def test_orphaned_messages_are_found_by_time_indexes(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    operations.clear()
    left = Checkpoint(stored.outbox.relay_id, 0, now() - timedelta(minutes=1))
    assert len(stored.outbox.find_unsent(left)) == 21
    requests, events = Plans(counted, operations).stages()
    assert any("newest" in each for each in requests)
    assert any("last_step" in each for each in events)


def test_the_change_feed_is_read_in_index_order(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    operations.clear()
    ChangeFeed(counted).read(now() - timedelta(days=1), now())
    plans = Plans(counted, operations)
    assert_uses_index(plans, "last_step")
    assert not any("SORT" in stages for stages in plans.stages())


def test_upcoming_appointments_are_read_in_index_order(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    operations.clear()
    assert len(UpcomingAppointments(counted).read(now(), TOMORROW + timedelta(days=1)).events) == 10
    plans = Plans(counted, operations)
    assert_uses_index(plans, "appointments")
    # SecantusDB always sorts the results of a bounded query.
    assert plans.is_secantus or not any("SORT" in stages for stages in plans.stages())


def test_the_agenda_is_read_once_per_status_in_index_order(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    operations.clear()
    assert len(stored.agenda.between(now(), TOMORROW + timedelta(days=1), 10).appointments) == 10
    assert operations.names == ["find"] * len(Status)
    plans = Plans(counted, operations)
    assert_uses_index(plans, "appointments")
    # SecantusDB always sorts the results of a bounded query.
    assert plans.is_secantus or not any("SORT" in stages for stages in plans.stages())


def test_a_lookup_by_reference_uses_the_id_index(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    booking = put_booking(stored)
    operations.clear()
    found = stored.agenda.of_reference(booking.id[:13], 10)
    assert [each.booking_id for each in found.appointments] == [booking.id]
    assert operations.names == ["find"]
    plans = Plans(counted, operations)
    # SecantusDB looks up single ids only.
    if not plans.is_secantus:
        assert_uses_index(plans, "_id_")


def test_the_delivery_log_is_queried_by_its_id_index_only(
    stored: BookingRepository, counted: Database[Any], operations: Operations
) -> None:
    delivery_log = DeliveryLog(counted, "email", lease_seconds=60)
    booking = put_booking(stored)
    transition = confirm_seat(booking, at=now(), by="test")
    event = BookingStateChanged.of(transition)
    delivery_log.claim(event)
    operations.clear()
    delivery_log.is_superseded(event, present=4)
    assert len(Notifications(counted).of(steps.apply_transition(booking, transition))) == 1
    assert operations.names == ["find"] * 2
    assert_uses_index(Plans(counted, operations), "_id_")
    assert set(counted["notifications"].index_information()) == {"_id_"}


def assert_uses_index(plans: Plans, index: str) -> None:
    """Every query uses this index, and none scans the collection."""
    for stages in plans.stages():
        assert any(each.endswith(f"IXSCAN {index}") for each in stages)
        assert "COLLSCAN" not in stages
