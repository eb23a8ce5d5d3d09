"""Which deviations the faults of a campaign excuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: What is broken: (number of the rule, text).
Found = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Allowed:
    """What the injected faults excuse.

    `second_copies`: a notifier or its database died between the mail server's yes and our record.
    `dead_letters`: how many lie in which queue, exactly. `answer_seconds`: the slowest answer of
    the gateway; `statuses`: all that it may answer, None for no answer at all. `late_seconds`: how
    long after a change a reminder that was on its way may still arrive; see ADR 17.
    """

    second_copies: bool = False
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    answer_seconds: float | None = None
    statuses: frozenset[int | None] = frozenset({200, 201})
    late_seconds: float = 15.0


NOTHING = Allowed()
