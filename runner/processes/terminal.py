from __future__ import annotations

import os


class Terminal:
    """The terminal from which this process was started, if any.

    Its end is signalled only to the session leader. If that is `make`, as under `ssh -t`, this
    process receives no signal.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._was_there = os.isatty(descriptor)

    def is_gone(self) -> bool:
        return self._was_there and not os.isatty(self._descriptor)
