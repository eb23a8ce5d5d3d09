"""The staff pages that list, replay and drop dead letters."""

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

#: Maximum dead letters shown per queue.
LIMIT = 200
#: Time limit of a replay or a drop; the rest needs another click.
ACT_SECONDS = 5.0

#: The error codes that the page explains. Others are exception names of bugs, or unknown.
ERROR_CODES = frozenset(
    {
        "check_unavailable",
        "poison_message",
        "booking_not_found",
        "recipient_rejected",
        "delivery_outcome_unknown",
        "webhook_rejected",
        "webhook_failed",
        "delivery_expired",
        "delivery_limit",
        "rejected",
    }
)
_ERROR_KEYS = {BrokerUnavailable: "broker_away", LeaseHeld: "dead_letters_busy"}


@dead_letters.get("")
def show() -> Response:
    with _inspection().session(SESSION_TIMEOUT_SECONDS) as queues:
        snapshots = queues.snapshots(LIMIT)
    return _list(
        snapshots=snapshots,
        error_codes=_count_error_codes(snapshots),
        outcome=session.pop("outcome", None),
    )


@dead_letters.post("/replay")
def replay() -> AnyResponse:
    """Replay one dead letter, or all with the same error code."""
    with _inspection().session(ACT_SECONDS) as queues:
        if "error_code" in request.form:
            return _replayed(*_replay_all(queues, request.form["error_code"]))
        dead_letter = _find(queues, _work(request.form.get("queue")), request.form.get("id"))
        if dead_letter is None:
            return _done("dead_letter_gone")
        if not dead_letter.can_be_replayed:
            return _done("dead_letter_too_large")
        queues.replay(dead_letter)
    _log(SecurityEvent.DEAD_LETTER_REPLAYED, dead_letter)
    return _replayed(1, has_more=False)


@dead_letters.get("/drop")
def confirm_drop() -> AnyResponse:
    """Show the confirmation page."""
    work = _work(request.args.get("queue"))
    with _inspection().session(SESSION_TIMEOUT_SECONDS) as queues:
        dead_letter = _find(queues, work, request.args.get("id"))
    if dead_letter is None:
        return _done("dead_letter_gone")
    return staff_page("drop_dead_letter.html", **_CONTEXT, dead_letter=dead_letter)


@dead_letters.post("/drop")
def drop() -> AnyResponse:
    work = _work(request.form.get("queue"))
    with _inspection().session(ACT_SECONDS) as queues:
        dead_letter = _find(queues, work, request.form.get("id"))
        if dead_letter is None:
            return _done("dead_letter_gone")
        queues.drop(dead_letter)
    _log(SecurityEvent.DEAD_LETTER_DROPPED, dead_letter)
    return _done("dropped")


@dead_letters.errorhandler(BrokerUnavailable)
@dead_letters.errorhandler(LeaseHeld)
def _show_error(error: TransientError) -> Response:
    """Ask the user to try again. Messages replayed before the error stay replayed."""
    response = _list(503, error_key=_ERROR_KEYS[type(error)])
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _replay_all(queues: DeadLetterQueues, error_code: str) -> tuple[int, bool]:
    """Replay until time runs out; return the count, and whether more may be left."""
    count = 0
    for work in WORK_QUEUES:
        for dead_letter in queues.fetch(work):
            if dead_letter.error_code == error_code and dead_letter.can_be_replayed:
                queues.replay(dead_letter)
                _log(SecurityEvent.DEAD_LETTER_REPLAYED, dead_letter)
                count += 1
            if not queues.has_time:
                return count, True
    return count, False


def _find(queues: DeadLetterQueues, work: WorkQueue, id_: str | None) -> DeadLetter | None:
    """Return None if it was replayed or dropped, or another session has fetched it."""
    return next((dead_letter for dead_letter in queues.fetch(work) if dead_letter.id == id_), None)


def _work(queue: str | None) -> WorkQueue:
    """Return the work queue with that dead-letter queue. Raises: NotFound."""
    found = next((work for work in WORK_QUEUES if work.dead_letter == queue), None)
    if found is None:
        raise NotFound
    return found


def _count_error_codes(snapshots: list[DeadLetterSnapshot]) -> list[tuple[str, int]]:
    """Count the dead letters by error code, most frequent first."""
    return Counter(
        dead_letter.error_code for snapshot in snapshots for dead_letter in snapshot.dead_letters
    ).most_common()


def _replayed(count: int, has_more: bool) -> AnyResponse:
    return _done("replayed" if count else "replayed_none", count, has_more)


def _done(outcome: str, count: int = 1, has_more: bool = False) -> AnyResponse:
    session["outcome"] = {"key": f"outcome_{outcome}", "count": count, "has_more": has_more}
    return redirect(f"{HOME}/dead-letters", 303)


def _log(event: SecurityEvent, dead_letter: DeadLetter) -> None:
    fields = {"dead_letter_id": dead_letter.id, "code": dead_letter.error_code}
    log_security_event(event, key_id=signed_in_key_id(), **fields)


def _list(status: int = 200, **context: Any) -> Response:
    empty: dict[str, Any] = {"snapshots": [], "error_codes": [], "outcome": None, "error_key": ""}
    return staff_page("dead_letters.html", status, **_CONTEXT | empty | context)


def _kind(error_code: str) -> str:
    """Return the suffix of the message key. A bug has the class name of its exception."""
    if error_code in ERROR_CODES:
        return error_code
    return "fault" if error_code[:1].isupper() else "unknown"


def _moment(dead_letter: DeadLetter) -> datetime | None:
    """Return when it was dead-lettered; None if the header is invalid."""
    try:
        at = datetime.fromisoformat(dead_letter.dead_lettered_at)
        return at if at.tzinfo else None
    except ValueError:
        return None


_CONTEXT: dict[str, Any] = {"active_tab": "dead_letters", "kind_of": _kind, "moment_of": _moment}


def _inspection() -> InspectionLock:
    lock: InspectionLock = current_app.config["INSPECTION_LOCK"]
    return lock
