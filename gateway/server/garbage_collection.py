"""Python's search for garbage that counting references misses: objects that refer to each other."""

from __future__ import annotations

import gc

#: New objects between two searches. One request makes hundreds, and hardly ever such
#: garbage.
_EACH = 5000


def spare_what_is_here() -> None:
    """Never look through what a process has when it has started: that stays as long as it lives.

    Else everything stands still for some tens of milliseconds again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_EACH)
