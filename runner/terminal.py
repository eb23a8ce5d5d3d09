from __future__ import annotations

import os


class Terminal:
    """The terminal this process was started from, if it was one.

    Its end is a signal to the leader of the session only, and when that is `make`, as under
    `ssh -t`, we would never hear of it.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._was_there = os.isatty(descriptor)

    def is_gone(self) -> bool:
        return self._was_there and not os.isatty(self._descriptor)
