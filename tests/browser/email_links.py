"""Scenarios with the link and the code of an e-mail."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browser.clinic import Clinic, Scenario, body_of, code_in, link_in
from tests.browser.rescheduling import booked, choose_slot, reschedule
from tests.browser.visitor import book_by_api, tomorrow_at, utc, visit
from tests.browser.words import ENGLISH, SPANISH, Words


def email_link_opens_the_page_and_cancels(browser: Browser, clinic: Clinic) -> None:
    _cancel_by_link(browser, clinic, SPANISH, 8)


def email_link_cancels_in_english(browser: Browser, clinic: Clinic) -> None:
    _cancel_by_link(browser, clinic, ENGLISH, 9)


def _cancel_by_link(browser: Browser, clinic: Clinic, words: Words, hour: int) -> None:
    booking = booked(clinic, tomorrow_at(hour, days=4), words)
    link = link_in(clinic.wait_for_email(booking["id"], 2))
    before = clinic.get(booking["id"])
    with visit(browser, clinic.url, language=words.language) as visitor:
        visitor.page.goto(link)
        visitor.wait_for(words.confirmed)
        assert "#" not in visitor.page.url
        visitor.page.reload()
        visitor.page.locator("summary").click()
        expect(visitor.label(words.code)).to_have_value(link.partition("#")[2])
        assert clinic.get(booking["id"]) == before
        visitor.button(words.cancel_send).click()
        visitor.wait_for(words.cancelled)


def email_code_is_typed_without_script(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(10, days=4))
    email = clinic.wait_for_email(booking["id"], 2)
    before = clinic.get(booking["id"])
    with visit(browser, clinic.url, script=False) as visitor:
        visitor.page.goto(link_in(email))
        assert visitor.heading() == SPANISH.confirmed
        assert SPANISH.code in body_of(email)
        visitor.page.locator("summary").click()
        visitor.label(SPANISH.code).fill("wrong")
        visitor.button(SPANISH.cancel_send).click()
        assert SPANISH.wrong_code in visitor.page.get_by_role("alert").inner_text()
        assert clinic.get(booking["id"]) == before
        visitor.label(SPANISH.code).fill(code_in(email))
        visitor.button(SPANISH.cancel_send).click()
        visitor.wait_for(SPANISH.cancelled)


def email_link_reschedules_twice(browser: Browser, clinic: Clinic) -> None:
    """The code is kept on each page and never sent in a URL."""
    booking = booked(clinic, tomorrow_at(11, days=4))
    link = link_in(clinic.wait_for_email(booking["id"], 2))
    code = link.partition("#")[2]
    with visit(browser, clinic.url) as visitor:
        visitor.page.goto(link)
        for hour in (12, 13):
            choose_slot(visitor, SPANISH, tomorrow_at(hour, days=4))
            expect(visitor.label(SPANISH.code)).to_have_value(code)
            visitor.button(SPANISH.move).click()
            visitor.wait_for(SPANISH.confirmed)
        assert not [address for address in visitor.requested_urls if code in address]
        own = visitor.calendar_file(SPANISH.add_to_calendar)
    _assert_same_invitation(own, clinic, booking["id"], utc(tomorrow_at(13, days=4)))


def _assert_same_invitation(own: str, clinic: Clinic, booking_id: str, start: str) -> None:
    """The calendar files of the page and the last e-mail have the same appointment and version."""
    (part,) = (
        each
        for each in clinic.wait_for_email(booking_id, 4).walk()
        if each.get_content_type() == "text/calendar" and not each.get_filename()
    )
    sent = str(part.get_content())
    for text in (own, sent):
        lines = text.splitlines()
        assert f"UID:{booking_id}@clinica.example" in lines
        assert "SEQUENCE:2" in lines
        assert start in lines


def email_link_reschedules_without_script(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(14, days=4), ENGLISH)
    email = clinic.wait_for_email(booking["id"], 2)
    with visit(browser, clinic.url, language=ENGLISH.language, script=False) as visitor:
        visitor.page.goto(link_in(email))
        reschedule(visitor, ENGLISH, tomorrow_at(15, days=4), script=False, code=code_in(email))
        assert not [address for address in visitor.requested_urls if code_in(email) in address]
    moved = clinic.wait_for_email(booking["id"], 3)
    assert link_in(moved) == link_in(email)


def email_link_works_on_the_open_page(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(16, days=4))
    link = link_in(clinic.wait_for_email(booking["id"], 2))
    with visit(browser, clinic.url) as visitor:
        visitor.open(f"/cita/{booking['id']}")
        visitor.page.evaluate("(link) => location.assign(link)", link)
        visitor.page.locator("summary").click()
        expect(visitor.label(SPANISH.code)).to_have_value(link.partition("#")[2])
        assert "#" not in visitor.page.url


#: Submits a wrong code by script, while the booking is still pending.
_SUBMIT_CODE = """(path) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: path });
    form.innerHTML = '<input name="code" value="x">';
    document.body.append(form);
    form.submit();
}"""


def page_with_a_rejected_code_keeps_polling(browser: Browser, clinic: Clinic) -> None:
    """The page is then at the URL of the form action, which does not support GET."""
    with visit(browser, clinic.url) as visitor:
        visitor.open()
        for _ in range(10):
            booking = book_by_api(clinic.url, tomorrow_at(8, days=-1))
            path = f"/cita/{booking['id']}/cancel"
            visitor.page.evaluate(_SUBMIT_CODE, path)
            visitor.page.wait_for_url(f"**{path}")
            if visitor.heading() == SPANISH.pending:
                break
        expect(visitor.page.get_by_role("alert")).to_contain_text(SPANISH.wrong_code)
        visitor.wait_for(SPANISH.rejected)


SCENARIOS: tuple[Scenario, ...] = (
    email_link_opens_the_page_and_cancels,
    email_link_cancels_in_english,
    email_code_is_typed_without_script,
    email_link_reschedules_twice,
    email_link_reschedules_without_script,
    email_link_works_on_the_open_page,
    page_with_a_rejected_code_keeps_polling,
)
