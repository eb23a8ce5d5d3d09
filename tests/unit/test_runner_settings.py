from __future__ import annotations

from pathlib import Path

import pytest

from runner.settings import Settings
from runner.startup_error import StartupError


def test_without_variables_everything_is_local_and_started_by_us():
    settings = Settings.of({})

    assert settings.url == "http://127.0.0.1:3000"
    assert settings.directory == Path.cwd() / ".run"
    assert settings.amqp_uri is None
    assert settings.mongodb_uri is None


def test_an_empty_variable_counts_as_not_set():
    names = ("HOST", "PORT", "RUN_DIR", "AMQP_URI", "MONGODB_URI")

    assert Settings.of(dict.fromkeys(names, "")) == Settings.of({})


def test_variables_are_honoured(tmp_path):
    settings = Settings.of(
        {"PORT": "8080", "RUN_DIR": str(tmp_path), "AMQP_URI": "amqp://a", "MONGODB_URI": "x"}
    )

    assert (settings.port, settings.directory) == (8080, tmp_path)
    assert (settings.amqp_uri, settings.mongodb_uri) == ("amqp://a", "x")


@pytest.mark.parametrize("name", ["AMQP_URI", "MONGODB_URI"])
def test_addresses_may_be_in_files(tmp_path, name):
    file = tmp_path / "secret"
    file.write_text("x://given\n")

    settings = Settings.of({f"{name}_FILE": str(file)})

    assert "x://given" in (settings.amqp_uri, settings.mongodb_uri)


@pytest.mark.parametrize(
    "variables",
    [
        {"AMQP_URI_FILE": "/missing"},
        {"AMQP_URI_FILE": "/", "AMQP_URI": "amqp://a"},
        {"MONGODB_URI_FILE": "/missing\r"},
        {"RUN_DIR": '".run"'},
        {"RUN_DIR": ".run\r"},
    ],
    ids=ascii,
)
def test_a_setting_that_cannot_be_used_is_named_in_one_line(variables):
    with pytest.raises(
        StartupError, match=rf"^{next(iter(variables)).removesuffix('_FILE')}"
    ) as caught:
        Settings.of(variables)

    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "port", ["0", "65536", "-1", "+80", "http", "80.5", "٣٠٠٠", " ", "3000\r", '"3000"', "9" * 5000]
)
def test_a_port_that_is_none_is_named_in_one_line(port):
    with pytest.raises(
        StartupError, match=r"^PORT must be a number from 1 to 65535, not"
    ) as caught:
        Settings.of({"PORT": port})

    assert len(str(caught.value).splitlines()) == 1


def test_the_url_has_the_host_as_a_url_spells_it():
    assert Settings.of({"HOST": "::", "PORT": "80"}).url == "http://[::1]:80"
    assert Settings.of({"HOST": "localhost"}).url == "http://localhost:3000"
