"""The staff pages of dead letters and queues, on a real broker and database."""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from kombu import Connection
from pymongo import MongoClient
from pymongo.database import Database

from booking_service.service import BookingWorker
from clinic.bookings.bootstrap import create_repository
from clinic.bookings.repository import BookingRepository
from clinic.config import settings
from clinic.contracts import strict_json
from clinic.contracts.messages import BookingRequested
from clinic.domain.booking import Booking, Status
from clinic.domain.clock import now
from clinic.errors import BrokerUnavailable, TransientError
from clinic.messaging import topology
from clinic.messaging.broker_session import BrokerSession
from clinic.messaging.queue_statistics import QueueMonitor, QueueStatistics
from clinic.messaging.topology import WorkQueue
from clinic.mongo.client import durable_uri
from clinic.outbox.relay_registry import Checkpoint
from gateway.app import create_app
from gateway.auth.ended_sessions import EndedSessions
from gateway.settings import GatewaySettings
from gateway.staff_pages import dead_letter_pages, inspection_lock
from runner.backends.mongodb import MongoServer
from runner.backends.ports import free_port
from tests.amqp import body_of, depth, put, take
from tests.bookings import put_booking
from tests.conftest import eventually
from tests.dead_letters import park, request
from tests.hostile import attacker, messages
from tests.proxy import Proxy, proxied
from tests.rpc import NO_SERVICE
from tests.staff import KEY, Staff, said

REQUESTS, EMAIL, WEBHOOK = topology.BOOKING_REQUESTS, topology.EMAIL, topology.WEBHOOK
DEAD_LETTERS = "/staff/dead-letters"
QUEUES = "/staff/queues"
#: The longest acceptable wait for a person, with tolerance for a busy machine.
MAX_RESPONSE_SECONDS = 6

SetUp = Callable[..., Staff]


@pytest.fixture
def sign_in(config: dict[str, Any]) -> Iterator[SetUp]:
    """Sign in at a gateway with changes to its configuration."""
    clients = []

    def sign_in(language: str = "en", **changes: Any) -> Staff:
        read = settings(config | changes)
        client: MongoClient[Any] = MongoClient(durable_uri(read.mongodb_uri))
        clients.append(client)
        parts = create_repository(client.get_default_database(), read)
        own = GatewaySettings(staff_api_keys=frozenset({KEY}))
        return Staff(create_app(*parts, own, NO_SERVICE, NO_SERVICE, read).test_client(), language)

    yield sign_in
    for each in clients:
        each.close()


@pytest.fixture
def staff(sign_in: SetUp) -> Staff:
    return sign_in()


@pytest.fixture
def through_proxy(sign_in: SetUp, broker_link: Proxy) -> Staff:
    return sign_in(AMQP_URI=f"amqp://guest:guest@127.0.0.1:{broker_link.port}/")


@pytest.fixture
def store(database: Database[Any], config: dict[str, Any]) -> BookingRepository:
    return create_repository(database, settings(config))[0]


def pending(store: BookingRepository) -> Booking:
    return put_booking(store, date=now() - timedelta(days=1))


def message_of(booking: Booking) -> bytes:
    return strict_json.dumps(BookingRequested.of(booking).to_body())


def ids(page: str) -> list[str]:
    """The ids of the dead letters on the page, in order."""
    return re.findall(r'name="id" value="(\w+)"', page)


def of(id_: str, work: topology.WorkQueue = REQUESTS) -> dict[str, str]:
    return {"queue": work.dead_letter, "id": id_}


# --- access control


@pytest.mark.parametrize("path", [DEAD_LETTERS, f"{DEAD_LETTERS}/drop", QUEUES])
def test_the_pages_require_sign_in(
    config: dict[str, Any], database: Database[Any], path: str
) -> None:
    read = settings(config)
    own = GatewaySettings(staff_api_keys=frozenset({KEY}))
    parts = create_repository(database, read)
    anonymous = create_app(*parts, own, NO_SERVICE, NO_SERVICE, read).test_client()
    response = anonymous.get(path)
    assert (response.status_code, "/staff/login" in response.location) == (302, True)


@pytest.mark.parametrize("act", ["replay", "drop"])
def test_a_form_with_a_forged_csrf_token_is_rejected(staff: Staff, amqp_uri: str, act: str) -> None:
    id_ = park(amqp_uri)
    response = staff.post(f"{DEAD_LETTERS}/{act}", csrf_token="forged", **of(id_))
    assert response.status_code == 400
    assert (depth(amqp_uri, REQUESTS.dead_letter), depth(amqp_uri, REQUESTS.name)) == (1, 0)


# --- the list


@pytest.mark.parametrize(
    ("language", "words"),
    [("es", "No hay ningún mensaje muerto"), ("en", "There are no dead letters")],
)
def test_an_empty_list_shows_a_message(sign_in: SetUp, language: str, words: str) -> None:
    assert words in sign_in(language).get(DEAD_LETTERS).text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", "La comprobación de disponibilidad falló en cada intento"),
        ("en", "The availability check failed in every attempt"),
    ],
)
def test_a_dead_letter_shows_its_error_replay_count_and_booking(
    sign_in: SetUp, amqp_uri: str, language: str, words: str
) -> None:
    about = request()
    id_ = park(amqp_uri, strict_json.dumps(about), headers={"x-replay-count": 7})
    page = sign_in(language).get(DEAD_LETTERS).text
    assert words in page
    for text in (id_, "check_unavailable", "the availability check gave no answer", "<dd>7</dd>"):
        assert text in page
    assert f'href="/staff/booking/{about["bookingId"]}"' in page
    assert 'datetime="2026-01-02T03:' in page


def test_dead_letters_are_listed_by_queue_oldest_first(staff: Staff, amqp_uri: str) -> None:
    event = park(amqp_uri, work=EMAIL, headers={"x-error-code": "recipient_rejected"})
    requests = [park(amqp_uri) for _ in range(3)]
    assert ids(staff.get(DEAD_LETTERS).text) == [*requests, event]


def test_viewing_dead_letters_changes_nothing(staff: Staff, amqp_uri: str) -> None:
    dead_lettered = {park(amqp_uri) for _ in range(10)}
    for _ in range(3):
        assert set(ids(staff.get(DEAD_LETTERS).text)) == dead_lettered
    staff.get(f"{DEAD_LETTERS}/drop", **of(min(dead_lettered)))
    eventually(lambda: depth(amqp_uri, REQUESTS.dead_letter) == 10)
    assert depth(amqp_uri, REQUESTS.name) == 0


def test_viewing_dead_letters_does_not_bind_the_webhook_queue(
    sign_in: SetUp, amqp_uri: str
) -> None:
    """Only a consumer of the webhook queue binds and unbinds it."""
    sign_in(WEBHOOK={"url": "https://example.com", "secret": "s" * 32}).get(DEAD_LETTERS)
    with Connection(amqp_uri, transport_options={"confirm_publish": True}) as connection:
        channel = connection.default_channel
        event = channel.prepare_message(b"{}")
        channel.basic_publish(event, exchange=topology.NOTIFICATIONS.name, routing_key="")
    eventually(lambda: depth(amqp_uri, EMAIL.name) == 1)
    assert depth(amqp_uri, WEBHOOK.name) == 0


def test_a_truncated_list_shows_the_total(
    staff: Staff, amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_pages, "LIMIT", 3)
    for _ in range(5):
        park(amqp_uri)
    page = staff.get(DEAD_LETTERS).text
    assert len(ids(page)) == 3
    assert "3 of 5 messages are shown" in page


def test_a_message_dead_lettered_by_the_broker_is_shown(staff: Staff, amqp_uri: str) -> None:
    about = request()
    put(amqp_uri, REQUESTS.name, strict_json.dumps(about), content_type="application/json")
    with Connection(amqp_uri) as connection:
        channel = connection.default_channel
        eventually(
            lambda: channel.message_to_python(channel.basic_get(REQUESTS.name)).reject() is None
        )
    page = eventually(lambda: _page_with_dead_letters(staff))
    assert "It can't be read" in page
    assert about["bookingId"] in page
    (id_,) = ids(page)
    assert "1 message was replayed." in staff.submit(f"{DEAD_LETTERS}/replay", **of(id_))
    assert depth(amqp_uri, REQUESTS.name) == 1


def _page_with_dead_letters(staff: Staff) -> str:
    page = staff.get(DEAD_LETTERS).text
    return page if ids(page) else ""


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        pytest.param(b"{", "<pre>{</pre>", id="no JSON"),
        pytest.param(b"<script>alert(1)</script>", "&lt;script&gt;alert(1)", id="markup"),
        pytest.param(b"\x00\x1b[31m\xff", "<pre>��[31m�</pre>", id="no text"),
        pytest.param("a\u202eb".encode(), "<pre>a�b</pre>", id="turned around"),
        pytest.param(b"", "<pre></pre>", id="empty"),
    ],
)
def test_a_poison_message_is_shown_as_an_escaped_excerpt(
    staff: Staff, amqp_uri: str, body: bytes, shown: str
) -> None:
    park(amqp_uri, body, headers={"x-error-code": "poison_message"})
    page = staff.get(DEAD_LETTERS).text
    assert shown in page
    assert "none: the message is not ours" in page
    assert "/staff/booking/" not in page


def test_an_excerpt_is_truncated(staff: Staff, amqp_uri: str) -> None:
    park(amqp_uri, b"x" * 100_000)
    (shown,) = re.findall("x{50,}…?", staff.get(DEAD_LETTERS).text)
    assert (len(shown), shown[-1]) == (200, "…")


def test_the_body_of_a_valid_message_is_not_shown(staff: Staff, amqp_uri: str) -> None:
    """The schema allows additional fields, which could contain personal data."""
    park(amqp_uri, strict_json.dumps(request() | {"patientName": "Ana López"}))
    assert "Ana López" not in staff.get(DEAD_LETTERS).text


@pytest.mark.parametrize(
    "booking_id", ["x", "../search", 'a"><b>', str(uuid.uuid4()).upper(), 7, None]
)
def test_only_a_valid_booking_id_becomes_a_link(
    staff: Staff, amqp_uri: str, booking_id: Any
) -> None:
    park(amqp_uri, strict_json.dumps(request() | {"bookingId": booking_id}))
    assert 'href="/staff/booking/' not in staff.get(DEAD_LETTERS).text


@pytest.mark.parametrize(
    "headers",
    [
        {"x-attempt": ["x"]},
        {"x-replay-count": "many"},
        {"x-dead-lettered-at": {"a": 1}},
        {"x-dead-lettered-at": "2026-01-02"},
        {"x-dead-letter-id": '"><script>'},
        {"x-dead-letter-id": {"a": 1}},
        {"x-error-code": ["a", "b"]},
        {"x-error-code": "a\nb"},
        {"x-error-code": "<b>"},
        {"x-error-code": "KeyError"},
        {"x-error-code": None, "x-error-message": "<b>" * 1000},
        {"x-error-code": None, "x-death": "nonsense"},
        {"x-error-code": None, "x-death": ["nonsense"]},
    ],
    ids=repr,
)
def test_malformed_headers_do_not_break_the_page(
    staff: Staff, amqp_uri: str, headers: dict[str, Any]
) -> None:
    park(amqp_uri, headers=headers)
    valid = park(amqp_uri)
    page = staff.get(DEAD_LETTERS).text
    assert len(ids(page)) == 2
    assert "<b>" not in page
    causes = re.findall(r'name="cause" value="([^"]*)"', page)
    assert all(re.fullmatch("[A-Za-z_]+", each) for each in causes)
    (odd,) = set(ids(page)) - {valid}
    assert re.fullmatch("[0-9a-f]{12}", odd)
    assert "1 message was replayed." in staff.submit(f"{DEAD_LETTERS}/replay", **of(odd))


# --- replay


def test_a_dead_letter_is_replayed_as_a_new_message(
    staff: Staff, amqp_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    about = request()
    kept, id_ = park(amqp_uri), park(amqp_uri, strict_json.dumps(about))
    staff.get(DEAD_LETTERS)
    with caplog.at_level(logging.INFO, "gateway.http.security_log"):
        assert staff.submit(f"{DEAD_LETTERS}/replay", **of(id_)) == "1 message was replayed."
    message = take(amqp_uri, REQUESTS.name)
    assert message is not None
    assert body_of(message) == about
    assert {name for name in message.headers if name != "x-delivery-count"} == {"x-replay-count"}
    assert ids(staff.get(DEAD_LETTERS).text) == [kept]
    (record,) = caplog.records
    assert (record.event, record.dead_letter_id, record.code) == (  # type: ignore[attr-defined]
        "dead_letter_replayed_by_staff",
        id_,
        "check_unavailable",
    )
    assert re.fullmatch("[0-9a-f]{8}", record.key_id)  # type: ignore[attr-defined]


def test_replaying_an_error_code_includes_messages_not_shown(
    staff: Staff, amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_pages, "LIMIT", 2)
    kept = park(amqp_uri, headers={"x-error-code": "poison_message"})
    for _ in range(5):
        park(amqp_uri)
    park(amqp_uri, work=EMAIL)
    staff.get(DEAD_LETTERS)
    result = staff.submit(f"{DEAD_LETTERS}/replay", error_code="check_unavailable")
    assert result == "6 messages were replayed."
    assert (depth(amqp_uri, REQUESTS.name), depth(amqp_uri, EMAIL.name)) == (5, 1)
    assert ids(staff.get(DEAD_LETTERS).text) == [kept]


def test_the_result_message_is_shown_once(staff: Staff, amqp_uri: str) -> None:
    id_ = park(amqp_uri)
    staff.get(DEAD_LETTERS)
    assert staff.submit(f"{DEAD_LETTERS}/replay", **of(id_))
    assert said(staff.get(DEAD_LETTERS)) == ""


@pytest.mark.parametrize("act", ["replay", "drop"])
def test_acting_on_an_already_replayed_message_reports_it(
    staff: Staff, sign_in: SetUp, amqp_uri: str, act: str
) -> None:
    id_ = park(amqp_uri)
    staff.get(DEAD_LETTERS)
    another = sign_in()
    another.get(DEAD_LETTERS)
    another.submit(f"{DEAD_LETTERS}/replay", **of(id_))
    result = staff.submit(f"{DEAD_LETTERS}/{act}", **of(id_))
    assert result.startswith("Nothing was done: that message no longer exists.")
    assert depth(amqp_uri, REQUESTS.name) == 1


def test_replaying_an_error_code_without_messages_reports_it(staff: Staff, amqp_uri: str) -> None:
    park(amqp_uri)
    staff.get(DEAD_LETTERS)
    result = staff.submit(f"{DEAD_LETTERS}/replay", error_code="poison_message")
    assert result.startswith("Nothing was replayed")
    assert depth(amqp_uri, REQUESTS.name) == 0


@pytest.mark.parametrize("fields", [{}, {"queue": "booking_requests", "id": "x"}, {"id": "x"}])
@pytest.mark.parametrize("act", ["replay", "drop"])
def test_a_queue_that_is_not_a_dead_letter_queue_is_not_found(
    staff: Staff, amqp_uri: str, act: str, fields: dict[str, str]
) -> None:
    put(amqp_uri, REQUESTS.name, b"{}")
    staff.get(DEAD_LETTERS)
    assert staff.post(f"{DEAD_LETTERS}/{act}", **fields).status_code == 404
    assert depth(amqp_uri, REQUESTS.name) == 1


def test_a_replay_that_ran_out_of_time_reports_it(
    staff: Staff, amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        park(amqp_uri)
    staff.get(DEAD_LETTERS)
    monkeypatch.setattr("clinic.dead_letters.dead_letter_queues._RESERVE_SECONDS", 60)
    result = staff.submit(f"{DEAD_LETTERS}/replay", error_code="check_unavailable")
    assert result.startswith("1 message was replayed. There was no time for all messages")


def test_a_replayed_booking_is_decided(
    staff: Staff,
    store: BookingRepository,
    config: dict[str, Any],
    container_factory: Any,
    amqp_uri: str,
) -> None:
    config["AVAILABILITY"]["failure_rate"] = 1
    config["BOOKING_RETRY"]["max_attempts"] = 1
    broken_worker = container_factory(BookingWorker, config)
    broken_worker.start()
    booking = pending(store)
    put(amqp_uri, REQUESTS.name, message_of(booking), content_type="application/json")
    eventually(lambda: depth(amqp_uri, REQUESTS.dead_letter) == 1)
    broken_worker.stop()
    assert booking.id in staff.get(DEAD_LETTERS).text
    config["AVAILABILITY"]["failure_rate"] = 0
    fixed_worker = container_factory(BookingWorker, config)
    fixed_worker.start()
    staff.submit(f"{DEAD_LETTERS}/replay", error_code="check_unavailable")
    after = eventually(lambda: _decided(store, booking))
    fixed_worker.stop()
    assert (after.status, after.reason, after.attention) == ("rejected", "past", None)
    assert ids(staff.get(DEAD_LETTERS).text) == []


def _decided(store: BookingRepository, booking: Booking) -> Booking | None:
    current = store.get(booking.id)
    return current if current.status is not Status.PENDING else None


# --- drop


def test_a_drop_is_confirmed_and_permanent(staff: Staff, amqp_uri: str) -> None:
    kept, id_ = park(amqp_uri), park(amqp_uri)
    asked = staff.get(f"{DEAD_LETTERS}/drop", **of(id_)).text
    assert "Drop this message?" in asked
    assert ids(asked) == [id_]
    assert len(ids(staff.get(DEAD_LETTERS).text)) == 2
    assert staff.submit(f"{DEAD_LETTERS}/drop", **of(id_)) == "The message was dropped."
    assert ids(staff.get(DEAD_LETTERS).text) == [kept]
    assert depth(amqp_uri, REQUESTS.name) == 0


def test_hostile_messages_can_be_viewed_replayed_and_dropped(staff: Staff, amqp_uri: str) -> None:
    some = [each for each in messages()[::7] if len(each.body or b"") < 1_000_000]
    with attacker(amqp_uri) as them:
        queue = REQUESTS.dead_letter.encode()
        taken = sum(them.publish(each.of({}), each.body or b"{}", queue) for each in some)
        them.publish({}, b"x" * 2_000_000, queue)
    page = staff.get(DEAD_LETTERS).text
    assert page.count('class="card dead-letter"') == taken + 1 > 40
    assert "the body has 2000000 bytes" in page
    for cause in ("unknown", "rejected"):
        staff.submit(f"{DEAD_LETTERS}/replay", error_code=cause)
    (too_large,) = set(re.findall(r"id=([0-9a-f]{12})", staff.get(DEAD_LETTERS).text))
    assert "too large" in staff.submit(f"{DEAD_LETTERS}/replay", **of(too_large))
    assert staff.submit(f"{DEAD_LETTERS}/drop", **of(too_large)) == "The message was dropped."
    assert depth(amqp_uri, REQUESTS.name) == taken


def test_a_drop_affects_one_queue_only(staff: Staff, amqp_uri: str) -> None:
    """A broker-rejected message gets its id from its body, and an event is in several queues."""
    body = strict_json.dumps(request())
    for work in (EMAIL, WEBHOOK):
        put(amqp_uri, work.dead_letter, body, content_type="application/json")
    first, second = ids(staff.get(DEAD_LETTERS).text)
    assert first == second
    staff.submit(f"{DEAD_LETTERS}/drop", **of(first, WEBHOOK))
    assert (depth(amqp_uri, EMAIL.dead_letter), depth(amqp_uri, WEBHOOK.dead_letter)) == (1, 0)


# --- broker failures and concurrent use


def test_an_unavailable_broker_is_reported(sign_in: SetUp) -> None:
    staff = sign_in(AMQP_URI=f"amqp://clinic:geheim@127.0.0.1:{free_port()}/")
    response = staff.get(DEAD_LETTERS)
    assert (response.status_code, "Retry-After" in response.headers) == (503, True)
    assert "RabbitMQ is unavailable" in response.text
    assert "geheim" not in response.text


@pytest.mark.parametrize("act", ["look", "replay", "drop"])
def test_a_frozen_broker_gets_a_timely_error_page(
    through_proxy: Staff, broker_link: Proxy, amqp_uri: str, act: str
) -> None:
    id_ = park(amqp_uri)
    through_proxy.get(DEAD_LETTERS)
    broker_link.freeze()
    response, seconds = _timed(
        lambda: (
            through_proxy.get(DEAD_LETTERS)
            if act == "look"
            else through_proxy.post(f"{DEAD_LETTERS}/{act}", **of(id_))
        )
    )
    assert response.status_code == 503
    assert seconds < MAX_RESPONSE_SECONDS


@pytest.mark.parametrize("moment", [b"booking_service.events", REQUESTS.dead_letter.encode()])
def test_a_broker_freezing_midway_gets_a_timely_error_page(
    through_proxy: Staff, broker_link: Proxy, amqp_uri: str, moment: bytes
) -> None:
    id_ = park(amqp_uri)
    broker_link.freeze_at(moment)
    response, seconds = _timed(lambda: through_proxy.get(DEAD_LETTERS))
    assert response.status_code == 503
    assert seconds < MAX_RESPONSE_SECONDS
    broker_link.restore()
    broker_link.reset()
    assert eventually(lambda: ids(through_proxy.get(DEAD_LETTERS).text)) == [id_]


def test_a_broker_freezing_during_a_replay_loses_no_message(
    through_proxy: Staff, broker_link: Proxy, amqp_uri: str
) -> None:
    about = request()
    id_ = park(amqp_uri, strict_json.dumps(about))
    through_proxy.get(DEAD_LETTERS)
    broker_link.freeze_at(b"x-replay-count")
    response, seconds = _timed(lambda: through_proxy.post(f"{DEAD_LETTERS}/replay", **of(id_)))
    assert response.status_code == 503
    assert seconds < MAX_RESPONSE_SECONDS + dead_letter_pages.ACT_SECONDS
    broker_link.restore()
    broker_link.reset()
    assert eventually(lambda: ids(through_proxy.get(DEAD_LETTERS).text)) == [id_]


def test_a_second_viewer_learns_that_the_list_is_in_use(
    staff: Staff, amqp_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = park(amqp_uri)
    monkeypatch.setattr(inspection_lock, "ACQUIRE_TIMEOUT_SECONDS", 0.2)
    lock = staff.app.config["INSPECTION_LOCK"]
    with lock.session(10):
        response, seconds = _timed(lambda: staff.get(DEAD_LETTERS))
        assert (response.status_code, "Retry-After" in response.headers) == (503, True)
        assert "Somebody else is viewing the dead letters" in response.text
        assert seconds < MAX_RESPONSE_SECONDS
    assert ids(staff.get(DEAD_LETTERS).text) == [id_]


def test_two_concurrent_viewers_see_all_dead_letters(
    staff: Staff, sign_in: SetUp, amqp_uri: str
) -> None:
    dead_lettered = {park(amqp_uri) for _ in range(20)}
    pages: list[str] = []
    threads = [
        threading.Thread(target=lambda: pages.append(staff.get(DEAD_LETTERS).text))
        for _ in range(2)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [set(ids(page)) for page in pages] == [dead_lettered, dead_lettered]


def _timed(act: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.monotonic()
    return act(), time.monotonic() - begun


# --- queues


def figures(page: str) -> dict[str, tuple[str, str]]:
    """The numbers of messages and consumers of each queue on the page."""
    rows = re.findall(r"<tr.*?>(.*?)</tr>", page, re.DOTALL)
    found = {}
    for row in rows:
        name = re.search(r'class="reference">(.*?)</span>', row, re.DOTALL)
        cells = re.findall(r"<td>([^<]*)", row)
        if name:
            found[name.group(1).replace("<wbr>", "").strip()] = (cells[0], cells[1])
    return found


def alarms(page: str) -> list[str]:
    found = re.search(r'data-part="health".*?</section>', page, re.DOTALL)
    items = re.findall(r"<li>(.*?)</li>", found.group() if found else "", re.DOTALL)
    return [re.sub(r"<[^>]+>", "", item) for item in items]


def test_each_queue_shows_its_messages_and_consumers(staff: Staff, amqp_uri: str) -> None:
    put(amqp_uri, REQUESTS.name, b"{}")
    put(amqp_uri, "booking_retry", b"{}")
    for _ in range(3):
        park(amqp_uri, work=EMAIL)
    page = eventually(
        lambda: _if(staff.get(QUEUES).text, lambda page: figures(page)[EMAIL.dead_letter][0] == "3")
    )
    found = figures(page)
    assert found["booking_requests"] == ("1", "0")
    assert found["booking_retry"] == ("1", "0")
    assert found["booking_retry.2s"] == ("0", "0")
    assert found["booking_dead_letter"] == ("0", "0")
    assert found["notification_service.webhook.retry.2s"] == ("0", "0")
    assert "Dead letters in notification_service.email.dead_letter: 3. See the dead letters" in (
        alarms(page)
    )


def _if(page: str, condition: Callable[[str], bool]) -> str:
    return page if condition(page) else ""


def test_a_queue_without_consumers_raises_an_alert(
    staff: Staff, config: dict[str, Any], container_factory: Any
) -> None:
    assert "The queue booking_requests has no consumers." in alarms(staff.get(QUEUES).text)
    worker = container_factory(BookingWorker, config)
    worker.start()
    page = eventually(
        lambda: _if(staff.get(QUEUES).text, lambda page: figures(page)[REQUESTS.name][1] == "1")
    )
    assert "The queue booking_requests has no consumers." not in alarms(page)
    worker.stop()


def test_a_disabled_webhook_queue_raises_an_alert_only_with_messages(
    staff: Staff, sign_in: SetUp, amqp_uri: str
) -> None:
    no_consumers = f"The queue {WEBHOOK.name} has no consumers."
    page = staff.get(QUEUES).text
    assert no_consumers not in alarms(page)
    assert "Disabled: it has no consumers" in page
    on = sign_in(WEBHOOK={"url": "https://example.com", "secret": "s" * 32})
    assert no_consumers in alarms(on.get(QUEUES).text)
    put(amqp_uri, WEBHOOK.name, b"{}")
    assert no_consumers in eventually(lambda: alarms(staff.get(QUEUES).text))


def test_viewing_queues_declares_nothing(sign_in: SetUp, amqp_uri: str) -> None:
    """An undeclared retry queue is omitted; a missing work queue is reported."""
    retry = {"max_attempts": 3, "ttl_seconds": 77}
    with Connection(amqp_uri) as connection:
        connection.default_channel.queue_delete("booking_dead_letter")
    page = sign_in(BOOKING_RETRY=retry).get(QUEUES).text
    with Connection(amqp_uri) as connection:
        topology.declare(connection.default_channel)
    found = figures(page)
    assert "booking_retry.77s" not in found
    assert found["booking_dead_letter"] == ("missing", "missing")
    assert "The queue booking_dead_letter does not exist." in alarms(page)


def test_the_queues_page_shows_the_outbox_and_alerts_on_delays(
    staff: Staff, store: BookingRepository, database: Database[Any]
) -> None:
    relays = store.outbox.relays
    relays.save_checkpoint(Checkpoint("young", 0, now(), 2, now()))
    relays.save_checkpoint(Checkpoint("old", 0, now(), 3, now() - timedelta(seconds=90)))
    put_booking(store, at=now() - timedelta(seconds=3600))
    database["relays"].update_one(
        {"_id": "old"}, {"$set": {"lastHeartbeatAt": now() - timedelta(days=1)}}
    )
    page = staff.get(QUEUES).text
    shown = [int(each) for each in re.findall(r'class="figure">(\d+)', page)]
    messages, oldest, overdue, _living, dead = shown
    assert messages >= 5
    assert 90 <= oldest < 90 + 60
    assert (overdue, dead) == (1, 1)
    result = " ".join(alarms(page))
    assert re.search(r"The oldest unsent message has waited for \d+ seconds", result)
    assert "should have been decided by now: 1." in result


def test_the_page_reports_a_healthy_system_without_alerts(
    staff: Staff, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinic.messaging.queue_statistics.QueueStatistics.is_deserted", False)
    page = staff.get(QUEUES).text
    assert alarms(page) == []
    assert "Everything is working" in page


@pytest.mark.parametrize("fault", [Proxy.freeze, Proxy.refuse])
def test_without_a_broker_the_database_figures_are_shown(
    through_proxy: Staff, broker_link: Proxy, fault: Callable[[Proxy], None]
) -> None:
    fault(broker_link)
    response, seconds = _timed(lambda: through_proxy.get(QUEUES))
    assert response.status_code == 200
    assert seconds < MAX_RESPONSE_SECONDS
    assert "RabbitMQ is unavailable" in response.text
    assert "Some figures are unavailable" in response.text
    assert 'class="figure">' in response.text
    broker_link.restore()
    broker_link.reset()
    assert eventually(lambda: figures(through_proxy.get(QUEUES).text))


@pytest.mark.parametrize("fault", [Proxy.freeze, Proxy.refuse])
def test_without_a_database_the_queue_figures_are_shown(
    sign_in: SetUp,
    mongo_server: MongoServer,
    fault: Callable[[Proxy], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The database becomes unavailable after the session was verified."""
    monkeypatch.setattr(EndedSessions, "has", lambda *_: False)
    with proxied(mongo_server.port) as database:
        uri = f"mongodb://127.0.0.1:{database.port}/test_away?serverSelectionTimeoutMS=500"
        staff = sign_in(MONGODB_CONNECTION_URL=uri)
        fault(database)
        response, seconds = _timed(lambda: staff.get(QUEUES))
    assert response.status_code == 200
    assert seconds < MAX_RESPONSE_SECONDS
    assert "The database is unavailable" in response.text
    assert figures(response.text)["booking_requests"] == ("0", "0")


@pytest.mark.parametrize("fault", [Proxy.freeze, Proxy.refuse])
@pytest.mark.parametrize(
    "path", [DEAD_LETTERS, QUEUES, "/staff", "/staff/search", "/staff/nothing"]
)
def test_without_a_database_no_session_is_accepted(
    sign_in: SetUp, mongo_server: MongoServer, fault: Callable[[Proxy], None], path: str
) -> None:
    with proxied(mongo_server.port) as database:
        uri = f"mongodb://127.0.0.1:{database.port}/test_away?serverSelectionTimeoutMS=500"
        staff = sign_in(MONGODB_CONNECTION_URL=uri)
        fault(database)
        response, seconds = _timed(lambda: staff.get(path))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert seconds < MAX_RESPONSE_SECONDS
    assert "The system is not responding" in response.text
    assert "/staff/logout" not in response.text


def test_concurrent_queue_requests_share_one_read(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    queues = QueueMonitor(settings(config))
    reads, may_read, flow = [], threading.Event(), queues._flow

    def wait_and_read(look: BrokerSession, work: WorkQueue) -> QueueStatistics:
        reads.append(work)
        may_read.wait(60)
        return flow(look, work)

    monkeypatch.setattr(queues, "_flow", wait_and_read)
    threads = [threading.Thread(target=queues.flows) for _ in range(10)]
    for each in threads:
        each.start()
    eventually(lambda: len(queues._reads._queue) == 9)
    may_read.set()
    for each in threads:
        each.join()
    assert reads.count(REQUESTS) == 2


def test_all_concurrent_readers_get_the_broker_error(
    config: dict[str, Any], broker_link: Proxy
) -> None:
    uri = f"amqp://guest:guest@127.0.0.1:{broker_link.port}/"
    queues, errors = QueueMonitor(settings(config | {"AMQP_URI": uri})), []
    broker_link.freeze()

    def look() -> None:
        try:
            queues.flows()
        except TransientError as error:
            errors.append(type(error))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == [BrokerUnavailable] * 4
