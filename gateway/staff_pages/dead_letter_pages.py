"""The staff's page of messages that were given up: replay them, or drop one."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, current_app, redirect, request, session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from clinic.dead_letters.dead_letter import DeadLetter
from clinic.dead_letters.dead_letter_queues import DeadLetterQueues, DeadLetterSnapshot
from clinic.errors import BrokerUnavailable, LeaseHeld, TransientError
from clinic.messaging.broker_session import SESSION_TIMEOUT_SECONDS
from clinic.messaging.topology import WORK_QUEUES, WorkQueue
from gateway.auth.staff_sessions import HOME, signed_in_key_id
from gateway.http.problem_details import RETRY_AFTER_SECONDS
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.staff_pages.inspection_lock import InspectionLock
from gateway.staff_pages.staff_rendering import staff_page

dead_letters = Blueprint("staff_dead_letters", __name__, url_prefix=f"{HOME}/dead-letters")

#: Letters of each queue on the page.
LIMIT = 200
#: How long a person waits for what was pressed to be done, or for most of it.
ACT_SECONDS = 5.0

#: The error codes that pages explain; others are faults of ours, or somebody else's words.
CAUSES = frozenset(
    {
        "check_unavailable",
        "poison_message",
        "booking_not_found",
        "recipient_rejected",
        "delivery_uncertain",
        "receiver_refused",
        "receiver_failed",
        "delivery_expired",
        "delivery_limit",
        "rejected",
    }
)
_TROUBLES = {BrokerUnavailable: "broker_away", LeaseHeld: "letters_busy"}


@dead_letters.get("", provide_automatic_options=False)
def show() -> Response:
    with _room().entered(SESSION_TIMEOUT_SECONDS) as letters:
        piles = letters.piles(LIMIT)
    return _list(piles=piles, causes=_causes(piles), outcome=session.pop("outcome", None))


@dead_letters.post("/replay", provide_automatic_options=False)
def replay() -> AnyResponse:
    """Send one letter round again, or all that were given up for one cause."""
    with _room().entered(ACT_SECONDS) as letters:
        if "cause" in request.form:
            return _replayed(*_replay_all(letters, request.form["cause"]))
        letter = _find(letters, _work(request.form.get("queue")), request.form.get("id"))
        if letter is None:
            return _done("letter_gone")
        if not letter.may_be_replayed:
            return _done("letter_too_large")
        letters.replay(letter)
    _log(SecurityEvent.DEAD_LETTER_REPLAYED, letter)
    return _replayed(1, has_more=False)


@dead_letters.get("/drop", provide_automatic_options=False)
def ask() -> AnyResponse:
    """Show once more what would be gone for good."""
    work = _work(request.args.get("queue"))
    with _room().entered(SESSION_TIMEOUT_SECONDS) as letters:
        letter = _find(letters, work, request.args.get("id"))
    if letter is None:
        return _done("letter_gone")
    return staff_page("drop.html", **_FRAME, letter=letter)


@dead_letters.post("/drop", provide_automatic_options=False)
def drop() -> AnyResponse:
    work = _work(request.form.get("queue"))
    with _room().entered(ACT_SECONDS) as letters:
        letter = _find(letters, work, request.form.get("id"))
        if letter is None:
            return _done("letter_gone")
        letters.drop(letter)
    _log(SecurityEvent.DEAD_LETTER_DROPPED, letter)
    return _done("dropped")


@dead_letters.errorhandler(BrokerUnavailable)
@dead_letters.errorhandler(LeaseHeld)
def _refused(error: TransientError) -> Response:
    """Ask for another try. What was replayed before the broker fell silent stays replayed."""
    answer = _list(503, trouble=_TROUBLES[type(error)])
    answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def _replay_all(letters: DeadLetterQueues, cause: str) -> tuple[int, bool]:
    """Replay until the time is over; return how many, and whether there may be more."""
    count = 0
    for work in WORK_QUEUES:
        for letter in letters.taken(work):
            if letter.cause == cause and letter.may_be_replayed:
                letters.replay(letter)
                _log(SecurityEvent.DEAD_LETTER_REPLAYED, letter)
                count += 1
            if not letters.has_time:
                return count, True
    return count, False


def _find(letters: DeadLetterQueues, work: WorkQueue, id_: str | None) -> DeadLetter | None:
    """None when it was replayed or dropped meanwhile, or somebody else has it in hand."""
    return next((letter for letter in letters.taken(work) if letter.id == id_), None)


def _work(dead_letter: str | None) -> WorkQueue:
    """Raises: NotFound."""
    found = next((work for work in WORK_QUEUES if work.dead_letter == dead_letter), None)
    if found is None:
        raise NotFound
    return found


def _causes(piles: list[DeadLetterSnapshot]) -> list[tuple[str, int]]:
    """Count the letters of each cause, the most frequent first."""
    return Counter(letter.cause for pile in piles for letter in pile.letters).most_common()


def _replayed(count: int, has_more: bool) -> AnyResponse:
    return _done("replayed" if count else "replayed_none", count, has_more)


def _done(what: str, count: int = 1, has_more: bool = False) -> AnyResponse:
    session["outcome"] = {"key": f"outcome_{what}", "count": count, "has_more": has_more}
    return redirect(f"{HOME}/dead-letters", 303)


def _log(event: SecurityEvent, letter: DeadLetter) -> None:
    told = {"letter_id": letter.id, "code": letter.cause}
    log_security_event(event, key_id=signed_in_key_id(), **told)


def _list(status: int = 200, **told: Any) -> Response:
    nothing: dict[str, Any] = {"piles": [], "causes": [], "outcome": None, "trouble": ""}
    return staff_page("dead_letters.html", status, **_FRAME | nothing | told)


def _kind(cause: str) -> str:
    """Name the texts for a cause: code of ours that fails is known by the class of its error."""
    if cause in CAUSES:
        return cause
    return "fault" if cause[:1].isupper() else "unknown"


def _moment(letter: DeadLetter) -> datetime | None:
    """When it was parked; None where somebody has written something else there."""
    try:
        moment = datetime.fromisoformat(letter.parked_at)
        return moment if moment.tzinfo else None
    except ValueError:
        return None


_FRAME: dict[str, Any] = {"here": "dead_letters", "kind_of": _kind, "moment_of": _moment}


def _room() -> InspectionLock:
    room: InspectionLock = current_app.config["LETTER_ROOM"]
    return room
