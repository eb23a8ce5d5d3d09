from __future__ import annotations


class StartupError(Exception):
    """A problem that the user must fix; its text is the one line shown."""
