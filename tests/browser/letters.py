"""What patients do with the link and the code of a letter that the mail server has got."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browser.clinic import Clinic, Scenario, body_of, code_in, link_in
from tests.browser.moving import booked, move, open_the_times
from tests.browser.visitor import book_by_program, tomorrow_at, utc, visit
from tests.browser.words import ENGLISH, SPANISH, Words


def the_link_of_the_letter_opens_the_page_and_cancels(browser: Browser, clinic: Clinic) -> None:
    _cancel_by_link(browser, clinic, SPANISH, 8)


def the_link_of_an_english_letter_does_the_same(browser: Browser, clinic: Clinic) -> None:
    _cancel_by_link(browser, clinic, ENGLISH, 9)


def _cancel_by_link(browser: Browser, clinic: Clinic, words: Words, hour: int) -> None:
    booking = booked(clinic, tomorrow_at(hour, days=4), words)
    link = link_in(clinic.letter(booking["id"], 2))
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


def the_code_of_the_letter_is_typed_without_script(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(10, days=4))
    letter = clinic.letter(booking["id"], 2)
    before = clinic.get(booking["id"])
    with visit(browser, clinic.url, script=False) as visitor:
        visitor.page.goto(link_in(letter))
        assert visitor.heading() == SPANISH.confirmed
        assert SPANISH.code in body_of(letter)
        visitor.page.locator("summary").click()
        visitor.label(SPANISH.code).fill("wrong")
        visitor.button(SPANISH.cancel_send).click()
        assert SPANISH.wrong_code in visitor.page.get_by_role("alert").inner_text()
        assert clinic.get(booking["id"]) == before
        visitor.label(SPANISH.code).fill(code_in(letter))
        visitor.button(SPANISH.cancel_send).click()
        visitor.wait_for(SPANISH.cancelled)


def the_link_of_the_letter_moves_and_moves_again(browser: Browser, clinic: Clinic) -> None:
    """The code is taken along to each page, and no server reads it in an address."""
    booking = booked(clinic, tomorrow_at(11, days=4))
    link = link_in(clinic.letter(booking["id"], 2))
    code = link.partition("#")[2]
    with visit(browser, clinic.url) as visitor:
        visitor.page.goto(link)
        for hour in (12, 13):
            open_the_times(visitor, SPANISH, tomorrow_at(hour, days=4))
            expect(visitor.label(SPANISH.code)).to_have_value(code)
            visitor.button(SPANISH.move).click()
            visitor.wait_for(SPANISH.confirmed)
        assert not [address for address in visitor.asked if code in address]
        own = visitor.calendar_file(SPANISH.add_to_calendar)
    _is_the_invitation(own, clinic, booking["id"], utc(tomorrow_at(13, days=4)))


def _is_the_invitation(own: str, clinic: Clinic, booking_id: str, start: str) -> None:
    """The file of the page and that of the last letter are of one appointment and one version."""
    (part,) = (
        each
        for each in clinic.letter(booking_id, 4).walk()
        if each.get_content_type() == "text/calendar" and not each.get_filename()
    )
    sent = str(part.get_content())
    for text in (own, sent):
        lines = text.splitlines()
        assert f"UID:{booking_id}@clinica.example" in lines
        assert "SEQUENCE:2" in lines
        assert start in lines


def the_link_of_a_letter_moves_without_script(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(14, days=4), ENGLISH)
    letter = clinic.letter(booking["id"], 2)
    with visit(browser, clinic.url, language=ENGLISH.language, script=False) as visitor:
        visitor.page.goto(link_in(letter))
        move(visitor, ENGLISH, tomorrow_at(15, days=4), script=False, code=code_in(letter))
        assert not [address for address in visitor.asked if code_in(letter) in address]
    moved = clinic.letter(booking["id"], 3)
    assert link_in(moved) == link_in(letter)


def a_link_that_is_pasted_into_the_open_page_is_taken(browser: Browser, clinic: Clinic) -> None:
    booking = booked(clinic, tomorrow_at(16, days=4))
    link = link_in(clinic.letter(booking["id"], 2))
    with visit(browser, clinic.url) as visitor:
        visitor.open(f"/cita/{booking['id']}")
        visitor.page.evaluate("(link) => location.assign(link)", link)
        visitor.page.locator("summary").click()
        expect(visitor.label(SPANISH.code)).to_have_value(link.partition("#")[2])
        assert "#" not in visitor.page.url


#: Faster than fingers: a booking is not pending for long.
_SEND_A_CODE = """(path) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: path });
    form.innerHTML = '<input name="code" value="x">';
    document.body.append(form);
    form.submit();
}"""


def a_page_that_has_refused_a_code_goes_on_asking(browser: Browser, clinic: Clinic) -> None:
    """It stands at the address of the form then, where there is nothing to be read."""
    with visit(browser, clinic.url) as visitor:
        visitor.open()
        for _ in range(10):
            booking = book_by_program(clinic.url, tomorrow_at(8, days=-1))
            path = f"/cita/{booking['id']}/cancel"
            visitor.page.evaluate(_SEND_A_CODE, path)
            visitor.page.wait_for_url(f"**{path}")
            if visitor.heading() == SPANISH.pending:
                break
        expect(visitor.page.get_by_role("alert")).to_contain_text(SPANISH.wrong_code)
        visitor.wait_for(SPANISH.rejected)


SCENARIOS: tuple[Scenario, ...] = (
    the_link_of_the_letter_opens_the_page_and_cancels,
    the_link_of_an_english_letter_does_the_same,
    the_code_of_the_letter_is_typed_without_script,
    the_link_of_the_letter_moves_and_moves_again,
    the_link_of_a_letter_moves_without_script,
    a_link_that_is_pasted_into_the_open_page_is_taken,
    a_page_that_has_refused_a_code_goes_on_asking,
)
