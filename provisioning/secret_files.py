"""Secret files, written atomically: after a crash a file is complete or absent."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

#: Size of a generated secret, stored as hexadecimal digits, which need no escaping in a URI.
_SECRET_BYTES = 32


def read(file: Path) -> str:
    """Raises: FileNotFoundError."""
    return file.read_text(encoding="utf-8").strip()


def generated(file: Path) -> str:
    """Return the secret in a file; generate it on the first call."""
    try:
        stored = read(file)
    except FileNotFoundError:
        stored = ""
    if not stored:
        stored = secrets.token_hex(_SECRET_BYTES)
        write(file, stored)
    return stored


def write(file: Path, text: str) -> None:
    """Replace a file atomically; only its owner can read the new one."""
    unfinished = file.with_name(f".{file.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(f"{text}\n")
        output.flush()
        os.fsync(output.fileno())
    unfinished.replace(file)
    _sync_directory(file.parent)


def _sync_directory(directory: Path) -> None:
    """Sync the directory; otherwise a power failure may undo the rename."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
