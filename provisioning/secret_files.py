"""Secrets in files: complete or absent, whatever ends the process that writes them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

#: Of a generated secret; twice as many hexadecimal digits, which a URI can hold as they are.
_SECRET_BYTES = 32


def read(file: Path) -> str:
    """Raises: FileNotFoundError."""
    return file.read_text(encoding="utf-8").strip()


def generated(file: Path) -> str:
    """Return the secret of a file, generated at the first call."""
    try:
        stored = read(file)
    except FileNotFoundError:
        stored = ""
    if not stored:
        stored = secrets.token_hex(_SECRET_BYTES)
        write(file, stored)
    return stored


def write(file: Path, text: str) -> None:
    """Replace a file at once by one that only its owner can read."""
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
    """Without this a power cut may take the new name back."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
