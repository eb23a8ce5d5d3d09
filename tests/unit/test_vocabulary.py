"""Terms that were replaced by the field's own do not come back, in code, tests or documents."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_GLOSSARY_ROWS = 40

#: What is retired, and what to write instead.
RETIRED = {
    "BookingStore": "BookingRepository",
    "RelayedDatabase": "RepositoryProvider",
    "WorkConsumer": "RetryingConsumer",
    "DrainingQueueConsumer": "GracefulQueueConsumer",
    "GroupCommit": "Batcher",
    "StepWriter": "TransitionWriter",
    "LetterRoom": "InspectionLock",
    "LEGAL_STEPS": "ALLOWED_TRANSITIONS",
    "BacklogFull": "OutboxFull",
    "StaleBooking": "ConcurrentModification",
    "TryLater": "TransientError",
    "NotResendable": "ResendRejected",
    "DateNotAvailable": "SlotUnavailable",
    "ReceiverFailed": "WebhookServerError",
    "ReceiverRefused": "WebhookRejected",
    "DeliveryUncertain": "DeliveryOutcomeUnknown",
    "on_parked": "on_dead_letter",
    "look_after": "maintain",
    "sent_through": "committed_offset",
    "sentThrough": "committedOffset",
    "aliveAt": "lastHeartbeatAt",
    "askedAt": "lastRequestedAt",
    "heir": "successor",
    "heirs": "successors",
    "estate": "orphaned messages",
    "bury": "prune",
    "x-repeated": "x-possible-duplicate",
    "x-cause": "x-error-code",
    "x-cause-detail": "x-error-message",
    "x-letter": "x-dead-letter-id",
    "x-parked-at": "x-dead-lettered-at",
    "x-replayed": "x-replay-count",
    "ledger": "delivery log",
    "parked": "dead-lettered",
    "notification_desk": "notification_admin",
    "mayResend": "canResend",
    "settle_surely": "record_outcome_with_retry",
    "tells_every_step": "skip_superseded",
    "has_lost_a_route": "had_unroutable",
    "mark_attention": "flag_for_review",
    "OUTBOX_GRACE_SECONDS": "OUTBOX_HEARTBEAT_TIMEOUT_SECONDS",
    "OUTBOX_SWEEP_SECONDS": "OUTBOX_RECOVERY_INTERVAL_SECONDS",
    "OUTBOX_RESEND_SECONDS": "OUTBOX_REPUBLISH_SECONDS",
    "OUTBOX_LIMIT": "OUTBOX_MAX_PENDING",
    "clinic_attempts_total": "clinic_messages_consumed_total",
}
_SUFFIXES = {".py", ".md", ".html", ".txt", ".yaml", ".yml", ".toml"}


def tracked_texts() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = (ROOT / line for line in listed.stdout.splitlines())
    return [
        path
        for path in paths
        if path.suffix in _SUFFIXES and path != Path(__file__).resolve() and path.exists()
    ]


def test_no_retired_term_is_used() -> None:
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, RETIRED))})\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}: write {RETIRED[match[1]]} instead of {match[1]}"
        for path in tracked_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in pattern.finditer(line)
    ]
    assert found == []


def test_the_search_finds_what_is_there() -> None:
    texts = [path.read_text(encoding="utf-8") for path in tracked_texts()]
    for term in ("BookingRepository", "committed_offset", "lastHeartbeatAt"):
        assert any(term in text for text in texts)


def test_the_glossary_is_short() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (?!Term|---)", text)
    assert len(rows) <= MAX_GLOSSARY_ROWS
