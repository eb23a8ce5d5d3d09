"""The generated staff key of a run directory."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

_NAME = "staff-key"
_KEY = re.compile(r"[0-9a-f]{64}")


def staff_key(directory: Path) -> str:
    """Return the key of a run directory; generate it on the first call.

    The caller must hold the lock of the directory. After a crash the file is complete or absent.
    Only its owner can read it.
    """
    file = directory / _NAME
    try:
        stored = file.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        stored = ""
    if not _KEY.fullmatch(stored):
        return _generate(file)
    file.chmod(0o600)
    return stored


def _generate(file: Path) -> str:
    key = secrets.token_hex(32)
    unfinished = file.with_name(f"{_NAME}.new")
    unfinished.unlink(missing_ok=True)  # left by a killed run, with any mode
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as output:
        output.write(f"{key}\n")
        output.flush()
        os.fsync(output.fileno())
    unfinished.replace(file)
    return key
