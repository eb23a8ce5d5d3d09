"""Imports the catalogue of `make run CATALOGUE=FILE` before the services start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from runner.processes.services import ROOT
from runner.startup_error import StartupError

_TIMEOUT_SECONDS = 60


def check_catalogue(file: Path) -> None:
    """Raises: StartupError with all problems of the file."""
    _run("check", file, os.environ)


def import_catalogue(file: Path, mongodb_uri: str) -> str:
    """Store the catalogue of the file, and return what has changed. Idempotent.

    Raises: StartupError, also if upcoming bookings need what the file lacks.
    """
    return _run("import", file, os.environ | {"MONGODB_URI": mongodb_uri, "MONGODB_URI_FILE": ""})


def _run(command: str, file: Path, environment: os._Environ[str] | dict[str, str]) -> str:
    line = [sys.executable, "-W", "ignore", "-m", "clinic", "catalogue", command, str(file)]
    try:
        done = subprocess.run(
            line,
            cwd=ROOT,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StartupError(f"CATALOGUE: the {command} did not end in time") from None
    if done.returncode:
        raise StartupError(f"CATALOGUE: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()
