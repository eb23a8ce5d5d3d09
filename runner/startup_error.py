from __future__ import annotations


class StartupError(Exception):
    """Something the person at the terminal has to mend; its text is the one line they are shown."""
