"""Scenarios of the staff pages of dead letters and queues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kombu import Connection
from playwright.sync_api import Browser, expect

from clinic.contracts import strict_json
from clinic.messaging.topology import BOOKING_REQUESTS, EMAIL
from tests.browser.clinic import Clinic, Scenario
from tests.browser.visitor import (
    PHONE,
    STAFF_KEY,
    Visitor,
    book_by_api,
    tomorrow_at,
    visit_as_staff,
)
from tests.dead_letters import park

DEAD_LETTERS, QUEUES = "/staff/dead-letters", "/staff/queues"


@dataclass(frozen=True, slots=True)
class OperationsWords:
    language: str
    key: str
    sign_in: str
    dead_letters: str
    none: str
    check: str
    replay: str
    replay_all: str
    replayed: str
    drop: str
    drop_title: str
    drop_send: str
    dropped: str
    queues: str
    reload: str
    attention: str
    pause: str
    broker_unavailable: str


SPANISH = OperationsWords(
    language="es-ES",
    key="Clave del personal",
    sign_in="Entrar",
    dead_letters="Mensajes muertos",
    none="No hay ningún mensaje muerto.",
    check="La comprobación de disponibilidad falló en cada intento",
    replay="Reenviar el mensaje",
    replay_all="Reenviar todos los de check_unavailable",
    replayed="Se ha reenviado 1 mensaje.",
    drop="Eliminar el mensaje",
    drop_title="¿Eliminar este mensaje?",
    drop_send="Sí, eliminar el mensaje",
    dropped="El mensaje se ha eliminado.",
    queues="Colas",
    reload="Actualizar",
    attention="Atención",
    pause="Dejar de actualizar",
    broker_unavailable="RabbitMQ no está disponible",
)
ENGLISH = OperationsWords(
    language="en-GB",
    key="Staff key",
    sign_in="Sign in",
    dead_letters="Dead letters",
    none="There are no dead letters.",
    check="The availability check failed in every attempt",
    replay="Replay message",
    replay_all="Replay all of check_unavailable",
    replayed="1 message was replayed.",
    drop="Drop message",
    drop_title="Drop this message?",
    drop_send="Yes, drop the message",
    dropped="The message was dropped.",
    queues="Queues",
    reload="Reload",
    attention="Attention",
    pause="Stop updating",
    broker_unavailable="RabbitMQ is unavailable",
)


@contextmanager
def on_page(
    browser: Browser, url: str, words: OperationsWords, path: str, **context: Any
) -> Iterator[Visitor]:
    with visit_as_staff(browser, url, language=words.language, **context) as visitor:
        visitor.open(path)
        yield visitor


@contextmanager
def dead_lettered(clinic: Clinic, *error_codes: str) -> Iterator[list[str]]:
    """Dead-letter a message of one booking for each error code, and purge the queues afterwards."""
    booking = book_by_api(clinic.url, tomorrow_at(19))
    try:
        yield [_dead_letter(clinic.amqp_uri, error_code, booking) for error_code in error_codes]
    finally:
        with Connection(clinic.amqp_uri) as connection:
            for work in (BOOKING_REQUESTS, EMAIL):
                connection.default_channel.queue_purge(work.dead_letter)


def _dead_letter(amqp_uri: str, error_code: str, booking: dict[str, Any]) -> str:
    body = strict_json.dumps(
        {
            "bookingId": booking["id"],
            "date": booking["date"],
            "version": 1,
            "eventId": f"{booking['id']}:1",
            "status": "confirmed",
            "previousStatus": "pending",
            "reason": None,
            "occurredAt": booking["createdAt"],
        }
    )
    return park(
        amqp_uri,
        b'{"hello": "<b>world</b>"}' if error_code == "poison_message" else body,
        work=EMAIL if error_code == "recipient_rejected" else BOOKING_REQUESTS,
        headers={"x-error-code": error_code, "x-error-message": _DETAILS[error_code]},
    )


_DETAILS = {
    "check_unavailable": "the availability check gave no answer",
    "poison_message": "bookingId is missing or not a text",
    "recipient_rejected": "550 no such mailbox",
}


def _replay_and_drop(
    browser: Browser, clinic: Clinic, words: OperationsWords, *, script: bool
) -> None:
    """Replay one message, replay all of an error code, and drop the rest."""
    error_codes = ("check_unavailable", "check_unavailable", "poison_message")
    with (
        dead_lettered(clinic, *error_codes) as (first, second, poison),
        on_page(browser, clinic.url, words, DEAD_LETTERS, script=script) as visitor,
    ):
        assert visitor.heading() == words.dead_letters
        _check(visitor, script)
        visitor.button(f"{words.replay} {first}").click()
        _assert_result(visitor, words.replayed)
        expect(visitor.button(f"{words.replay} {first}")).to_have_count(0)
        expect(visitor.button(f"{words.replay} {second}")).to_have_count(1)
        visitor.button(words.replay_all).click()
        _assert_result(visitor, words.replayed)
        expect(visitor.page.get_by_text(words.check)).to_have_count(0)
        visitor.link(f"{words.drop} {poison}").click()
        visitor.wait_for(words.drop_title)
        _check(visitor, script)
        visitor.button(words.drop_send).click()
        _assert_result(visitor, words.dropped)
        expect(visitor.page.get_by_text(words.none)).to_be_visible()
        _check(visitor, script)


def _assert_result(visitor: Visitor, words: str) -> None:
    expect(visitor.page.locator(".done")).to_have_text(words)


def _check(visitor: Visitor, script: bool) -> None:
    if script:
        visitor.check_accessibility()


def dead_letters_are_replayed_and_dropped_in_spanish(browser: Browser, clinic: Clinic) -> None:
    _replay_and_drop(browser, clinic, SPANISH, script=True)


def dead_letters_are_replayed_and_dropped_in_english_without_script(
    browser: Browser, clinic: Clinic
) -> None:
    _replay_and_drop(browser, clinic, ENGLISH, script=False)


def dead_letters_are_dropped_with_the_keyboard(browser: Browser, clinic: Clinic) -> None:
    with (
        dead_lettered(clinic, "check_unavailable"),
        on_page(browser, clinic.url, SPANISH, DEAD_LETTERS) as visitor,
    ):
        for button in (".error-codes button", ".dead-letter button", ".dead-letter a.danger"):
            visitor.tab_to(button)
        visitor.page.keyboard.press("Enter")
        visitor.wait_for(SPANISH.drop_title)
        visitor.tab_to("main button")
        visitor.page.keyboard.press("Enter")
        _assert_result(visitor, SPANISH.dropped)
        expect(visitor.page.locator(".done")).to_be_focused()


def queues_refresh_automatically(browser: Browser, clinic: Clinic) -> None:
    with on_page(browser, clinic.url, ENGLISH, QUEUES) as visitor:
        assert visitor.heading() == ENGLISH.queues
        visitor.check_accessibility()
        dead = visitor.page.get_by_role("row").filter(has_text="booking_dead_letter")
        expect(dead.get_by_role("cell").first).to_have_text("0")
        with dead_lettered(clinic, "check_unavailable"):
            expect(dead.get_by_role("cell").first).to_have_text("1")
            expect(dead).to_contain_text(ENGLISH.attention)
            expect(visitor.page.locator("[data-health]")).to_have_text(ENGLISH.attention)
            link = visitor.page.locator("[data-part] a").first
            link.focus()
            _wait_for_refresh(visitor)
            expect(visitor.page.locator("[data-part] a").first).to_be_focused()
            visitor.check_accessibility()
        expect(dead.get_by_role("cell").first).to_have_text("0")


def _wait_for_refresh(visitor: Visitor) -> None:
    """Wait until the page has refreshed its figures."""
    time = visitor.page.locator(".health .hint")
    expect(time).not_to_have_text(time.inner_text())


def queues_stop_refreshing_on_request(browser: Browser, clinic: Clinic) -> None:
    with on_page(browser, clinic.url, SPANISH, QUEUES) as visitor:
        _wait_for_refresh(visitor)
        visitor.button(SPANISH.pause).click()
        time = visitor.page.locator(".health .hint")
        before = time.inner_text()
        visitor.page.wait_for_timeout(7_000)
        expect(time).to_have_text(before)


def queues_are_reloaded_without_script(browser: Browser, clinic: Clinic) -> None:
    with on_page(browser, clinic.url, SPANISH, QUEUES, script=False) as visitor:
        expect(visitor.page.locator("[data-live]").first).to_be_hidden()
        with dead_lettered(clinic, "check_unavailable"):
            visitor.link(SPANISH.reload).click()
            expect(visitor.page.locator("[data-health]")).to_have_text(SPANISH.attention)


def expired_session_asks_to_sign_in(browser: Browser, clinic: Clinic) -> None:
    with on_page(browser, clinic.url, SPANISH, QUEUES) as visitor:
        visitor.page.context.clear_cookies()
        visitor.page.wait_for_url("**/staff/login*")
        visitor.label(SPANISH.key).fill(STAFF_KEY)
        visitor.button(SPANISH.sign_in).click()
        visitor.wait_for(SPANISH.queues)


def pages_report_an_unavailable_broker(browser: Browser, clinic: Clinic) -> None:
    with on_page(browser, clinic.away, ENGLISH, DEAD_LETTERS) as visitor:
        for path in (DEAD_LETTERS, QUEUES):
            visitor.open(path)
            expect(visitor.page.get_by_text(ENGLISH.broker_unavailable)).to_be_visible()
            visitor.check_accessibility()
        assert visitor.page.locator(".figure").count() > 0


def operations_pages_work_on_a_phone_in_dark_mode(browser: Browser, clinic: Clinic) -> None:
    phone = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    with (
        dead_lettered(clinic, "check_unavailable", "poison_message", "recipient_rejected") as (
            id_,
            *_,
        ),
        on_page(browser, clinic.url, SPANISH, DEAD_LETTERS, **phone) as visitor,
    ):
        paths = (DEAD_LETTERS, f"{DEAD_LETTERS}/drop?queue=booking_dead_letter&id={id_}", QUEUES)
        for path in paths:
            visitor.open(path)
            visitor.check_width()
            visitor.check_targets()
            visitor.check_accessibility()


OPERATIONS: dict[str, Scenario] = {
    each.__name__: each
    for each in (
        dead_letters_are_replayed_and_dropped_in_spanish,
        dead_letters_are_replayed_and_dropped_in_english_without_script,
        dead_letters_are_dropped_with_the_keyboard,
        queues_refresh_automatically,
        queues_stop_refreshing_on_request,
        queues_are_reloaded_without_script,
        expired_session_asks_to_sign_in,
        pages_report_an_unavailable_broker,
        operations_pages_work_on_a_phone_in_dark_mode,
    )
}
