"""`python -m clinic.observability.health_check URL`: exits with 0 if the URL returns 2xx in time.

Containers run it every few seconds, so it imports only the standard library.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

SECONDS = 3


def check_health(url: str) -> str | None:
    """Return the error, or None."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as reply:  # noqa: S310 - our own address
            reply.read()
    except (OSError, urllib.error.URLError) as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(check_health(sys.argv[1]))
