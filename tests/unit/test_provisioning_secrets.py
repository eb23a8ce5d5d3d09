from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from clinic import config
from clinic.config import Settings
from clinic.configuration.setting_fields import WORK_QUEUE_NAMES
from clinic.messaging import topology
from provisioning import secret_files
from provisioning.broker import password_hash
from provisioning.broker_users import BROKER_USERS, pattern
from provisioning.secrets import SecretVolumes

READERS = ("generated", "broker", "database", *BROKER_USERS)


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for reader in READERS:
        (tmp_path / reader).mkdir()
    return tmp_path


@pytest.fixture
def settings() -> Settings:
    uris = {"AMQP_URI": "amqp://a/", "MONGODB_CONNECTION_URL": "mongodb://a/clinic"}
    return config.settings(uris | {"BOOKING_RETRY": {"max_attempts": 3, "ttl_seconds": 7}})


def files(directory: Path) -> dict[str, str]:
    """What everybody reads; the definitions have new salts each time."""
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in directory.rglob("*")
        if path.is_file() and path.name != "definitions.json"
    }


def test_a_second_run_changes_nothing(directory: Path, settings: Settings) -> None:
    SecretVolumes(directory, settings, {}).write()
    before = files(directory)
    SecretVolumes(directory, settings, {}).write()
    assert files(directory) == before


def test_a_run_that_is_killed_anywhere_is_completed_by_the_next(
    directory: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, str] = {}
    for written in range(200):
        try:
            with monkeypatch.context() as patch:
                patch.setattr(Path, "replace", _dying_after(written))
                SecretVolumes(directory, settings, {}).write()
            break
        except Killed:
            found = _finished(directory)
            assert known.items() <= found.items()
            known = found
    else:
        pytest.fail("it never came to its end")
    assert len(known) > 10
    assert known.items() <= files(directory).items()
    assert not list(directory.rglob(".*"))


def _dying_after(written: int) -> Callable[[Path, Path], Path]:
    """A `Path.replace` that works so many times."""
    replace, left = Path.replace, iter(range(written))

    def replace_or_die(path: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise Killed
        return replace(path, target)

    return replace_or_die


def _finished(directory: Path) -> dict[str, str]:
    return {name: text for name, text in files(directory).items() if "/." not in name}


def test_only_the_owner_reads_a_secret(directory: Path, settings: Settings) -> None:
    SecretVolumes(directory, settings, {}).write()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in directory.rglob("*") if path.is_file()}
    assert modes == {0o400}


def test_a_secret_of_the_operators_takes_the_place_of_the_generated_one(
    directory: Path, settings: Settings
) -> None:
    link = directory / "gateway" / "link_secret"
    SecretVolumes(directory, settings, {"LINK_SECRET": ""}).write()
    generated = link.read_text()
    SecretVolumes(directory, settings, {"LINK_SECRET": "chosen-by-the-operator"}).write()
    assert link.read_text() == "chosen-by-the-operator\n"
    assert (directory / "notification_service" / "link_secret").read_text() == link.read_text()
    SecretVolumes(directory, settings, {}).write()
    assert link.read_text() == generated


def test_an_empty_file_is_no_secret(directory: Path) -> None:
    file = directory / "generated" / "name"
    file.touch()
    assert re.fullmatch(r"[0-9a-f]{64}", secret_files.generated(file))
    assert secret_files.generated(file) == file.read_text().strip()


def test_the_definitions_have_hashes_of_the_passwords(directory: Path, settings: Settings) -> None:
    SecretVolumes(directory, settings, {}).write()
    uri = (directory / "gateway" / "amqp_uri").read_text()
    password = uri.split("@")[0].rpartition(":")[2]
    text = (directory / "broker" / "definitions.json").read_text()
    (user,) = [each for each in json.loads(text)["users"] if each["name"] == "gateway"]
    hashed = base64.b64decode(user["password_hash"])
    assert hashed[4:] == hashlib.sha256(hashed[:4] + password.encode()).digest()
    assert password not in text


def test_the_same_password_has_another_hash_each_time() -> None:
    assert password_hash("a") != password_hash("a")


def test_the_definitions_have_the_retry_queues_of_the_settings(
    directory: Path, settings: Settings
) -> None:
    SecretVolumes(directory, settings, {}).write()
    described = json.loads((directory / "broker" / "definitions.json").read_text())
    names = {queue["name"] for queue in described["queues"]}
    assert {"booking_retry", "booking_retry.7s", "booking_retry.14s"} <= names


@pytest.mark.parametrize("user", BROKER_USERS)
def test_a_pattern_is_about_the_whole_name(user: str) -> None:
    granted = BROKER_USERS[user]
    for names in (granted.configure, granted.write, granted.read):
        assert not re.search(pattern(names), "x-nameko-rpc-x")
        assert not re.search(pattern(names), "")


def test_the_settings_know_the_names_of_the_work_queues() -> None:
    assert {work.name for work in topology.WORK_QUEUES} == WORK_QUEUE_NAMES


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("", WORK_QUEUE_NAMES),
        ("all", WORK_QUEUE_NAMES),
        ("none", set()),
        ("booking_requests", {"booking_requests"}),
        ("booking_requests, notification_service.email",
         {"booking_requests", "notification_service.email"}),
    ],
)  # fmt: skip
def test_a_process_declares_the_queues_that_its_settings_name(value: str, names: set[str]) -> None:
    uris = {"AMQP_URI": "amqp://a/", "MONGODB_CONNECTION_URL": "mongodb://a/clinic"}
    settings = config.settings(uris | {"DECLARED_QUEUES": value})
    assert {work.name for work in topology.declared_by(settings)} == names


@pytest.mark.parametrize("value", ["booking_request", "none,booking_requests", ",", "ALL"])
def test_a_queue_that_nobody_knows_is_no_setting(value: str) -> None:
    uris = {"AMQP_URI": "amqp://a/", "MONGODB_CONNECTION_URL": "mongodb://a/clinic"}
    with pytest.raises(config.ConfigError, match="DECLARED_QUEUES"):
        config.settings(uris | {"DECLARED_QUEUES": value})


def test_a_writer_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    (tmp_path / ".secret.new").write_text("half")
    os.chmod(tmp_path / ".secret.new", 0o400)
    secret_files.write(tmp_path / "secret", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert secret_files.read(tmp_path / "secret") == "whole"
