"""`python -m clinic.observability.health_check URL`: exits with 0 if URL answers 200 in time.

For the health checks of containers, which run it every few seconds: it imports nothing else.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

SECONDS = 3


def check_health(url: str) -> str | None:
    """Say what is wrong, or None."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - our own address
            answer.read()
    except (OSError, urllib.error.URLError) as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(check_health(sys.argv[1]))
