"""The Prometheus metrics of each process. Labels are codes and names, never ids or people."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

HTTP_REQUESTS = Counter(
    "clinic_http_requests_total", "HTTP requests answered.", ["route", "method", "status"]
)
DECISIONS = Counter("clinic_decisions_total", "Bookings decided.", ["status", "reason"])
CHECK_SECONDS = Histogram(
    "clinic_check_seconds",
    "How long the availability check took.",
    buckets=(0.1, 0.5, 1, 2, 3, 4, 5, 7.5, 10, 30),
)
#: The outcomes are those of `clinic.nameko_extensions.retrying_consumer.Outcome`.
MESSAGES_CONSUMED = Counter(
    "clinic_messages_consumed_total", "Messages handled.", ["queue", "outcome"]
)
DEAD_LETTERS = Counter(
    "clinic_dead_letters_total", "Messages dead-lettered.", ["queue", "error_code"]
)
#: outcome: sent, failed, superseded, suppressed, postponed, duplicate.
NOTIFICATIONS = Counter(
    "clinic_notifications_total", "Notifications by outcome.", ["channel", "outcome"]
)
EVENTS_REPUBLISHED = Counter(
    "clinic_events_republished_total",
    "Events published again because the broker lost them.",
    ["queue"],
)
MANUAL_RESENDS = Counter(
    "clinic_notifications_resent_total",
    "Notifications that staff resent.",
    ["channel"],
)
POSSIBLE_DUPLICATES = Counter(
    "clinic_notifications_possible_duplicates_total",
    "Notifications sent again because their first sender died before it recorded the outcome.",
    ["channel"],
)
