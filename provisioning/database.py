"""The services' MongoDB user, which may only read and write their database."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from provisioning import secret_files

USER = "clinic"
USER_PASSWORD_FILE = "user_password"  # noqa: S105 - the name of a file
_ROOT = "root"
_DATABASE = "clinic"
_ANSWER_MILLISECONDS = 10_000
#: On its first start the database restarts once it has its first user.
_PATIENCE_SECONDS = 120
_PAUSE_SECONDS = 2
_USER_EXISTS = 51003


def create_user(directory: Path, host: str) -> None:
    """Create the user, or set its password and role. `directory` holds both passwords.

    Raises: PyMongoError, if it fails for two minutes.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return _create_user(directory, host)
        except PyMongoError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)


def _create_user(directory: Path, host: str) -> None:
    user: dict[str, Any] = {
        "pwd": secret_files.read(directory / USER_PASSWORD_FILE),
        "roles": [{"role": "readWrite", "db": _DATABASE}],
    }
    with MongoClient[Any](
        host,
        username=_ROOT,
        password=secret_files.read(directory / "root_password"),
        serverSelectionTimeoutMS=_ANSWER_MILLISECONDS,
        timeoutMS=_ANSWER_MILLISECONDS,
    ) as client:
        try:
            client[_DATABASE].command("createUser", USER, **user)
        except OperationFailure as error:
            if error.code != _USER_EXISTS:
                raise
            client[_DATABASE].command("updateUser", USER, **user)
