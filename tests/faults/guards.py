"""The code that keeps each promise, and the edit that removes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Guard:
    """`present` is a text of `file`; `absent` is what a worse program has in its place, and
    `breaks` the rules of which it then breaks one."""

    name: str
    breaks: tuple[str, ...]
    file: str
    present: str
    absent: str

    def remove(self, root: Path) -> None:
        """Edit the copy of the sources at `root`. Raises: ValueError when the code has changed."""
        file = root / self.file
        text = file.read_text()
        if text.count(self.present) != 1:
            raise ValueError(f"{self.name}: {self.file} does not hold the guard once")
        file.write_text(text.replace(self.present, self.absent))


GUARDS = (
    Guard(
        "status guard: an update names the status and the version that it steps from",
        ("I3", "I4"),
        "clinic/bookings/transition_writer.py",
        """        return {
            "status": self.transition.change.previous,
            "version": self.transition.version - 1,
        }
""",
        """        return {}
""",
    ),
    Guard(
        "unique index: a claim is held by one booking",
        ("I3",),
        "clinic/bookings/indexes.py",
        """    unique=True,
    partialFilterExpression={"claims": {"$gt": ""}},
""",
        """    partialFilterExpression={"claims": {"$gt": ""}},
""",
    ),
    Guard(
        "decided for: a decision is about the date and the choice that are stored",
        ("I4", "I20"),
        "clinic/bookings/transition_writer.py",
        """{"$cond": [_is_as_decided(batch), changed, "$$ROOT"]}""",
        "changed",
    ),
    Guard(
        "outbox: what a dead relay left is sent by another",
        ("I2", "I5", "I6"),
        "clinic/outbox/relay.py",
        "        self._has_more = self._recovery.take_over() or bool(overdue)\n",
        "        self._has_more = bool(overdue)\n",
    ),
    Guard(
        "delivery_log: who was notified is not notified again",
        ("I7",),
        "notification_service/delivery_log.py",
        "                return self._claim_again(event, is_replay)\n",
        "                return Claim(event, tries=1)\n",
    ),
    Guard(
        "version: a move names the version that it steps from",
        ("I3", "I4", "I17"),
        "clinic/bookings/transition_writer.py",
        """            "version": self.transition.version - 1,
""",
        "",
    ),
    Guard(
        "claim: who reminds has claimed the reminder",
        ("I7", "I18"),
        "notification_service/reminders/reminders.py",
        """            claim = self._delivery_log.claim(event)
""",
        """            from notification_service.delivery_log import Claim

            claim = Claim(event, tries=1)
""",
    ),
    Guard(
        "verdict: a webhook is sent when its receiver says so",
        ("I19",),
        "notification_service/channels/webhook.py",
        "        _raise_for_status(status)\n",
        "",
    ),
    Guard(
        "confirm: sent is what the broker has answered for",
        ("I6",),
        "clinic/messaging/publisher_confirms.py",
        "        while self._waiting:\n",
        "        while False:\n",
    ),
    Guard(
        "ack order: a message is acked when its work is done",
        ("I2", "I6"),
        "clinic/nameko_extensions/retrying_consumer.py",
        "            self.container.spawn_worker(\n",
        "            self.queue_consumer.ack_message(message)\n"
        "            self.container.spawn_worker(\n",
    ),
    Guard(
        "mandatory: a message that no queue takes comes back",
        ("I6",),
        "clinic/messaging/wire/framing.py",
        "reserved, mandatory, immediate = 0, True, False",
        "reserved, mandatory, immediate = 0, False, False",
    ),
    Guard(
        "retry before ack: a message is acked when its copy is safe",
        ("I2", "I6"),
        "clinic/nameko_extensions/retrying_consumer.py",
        """        try:
            self._make_safe(delivery, outcome, error, service)
""",
        """        try:
            self.queue_consumer.ack_message(message)
            self._make_safe(delivery, outcome, error, service)
""",
    ),
)
