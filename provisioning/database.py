"""The services' user of MongoDB: it reads and writes their database, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from provisioning import secret_files

USER = "clinic"
USER_PASSWORD_FILE = "user_password"  # noqa: S105 - the name of a file
_ROOT = "root"
_DATABASE = "clinic"
_ANSWER_MILLISECONDS = 10_000
_USER_EXISTS = 51003


def create_user(directory: Path, host: str) -> None:
    """Create the user, or set its password and role. `directory` holds both passwords."""
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
