"""A setting that no service could start with is reported before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.configuration import require_configuration
from runner.startup_error import StartupError

FILE = Path(__file__).parents[2] / "config.yaml"


@pytest.fixture(autouse=True)
def configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_CONFIG", str(FILE))


def test_the_file_as_it_comes_is_fine() -> None:
    require_configuration()


def test_without_a_variable_the_file_of_the_working_directory_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CLINIC_CONFIG")
    monkeypatch.chdir(FILE.parent)
    monkeypatch.setenv("RATE_LIMIT", "many")
    with pytest.raises(StartupError, match=r"^config.yaml: .*RATE_LIMIT"):
        require_configuration()


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        pytest.param(
            "OUTBOX_RECOVERY_INTERVAL_SECONDS", "0", "OUTBOX_RECOVERY_INTERVAL_SECONDS", id="shared"
        ),
        pytest.param("BOOKING_MAX_ATTEMPTS", "many", "max_attempts", id="retries"),
        pytest.param("CLINIC_TIMEZONE", "Mars/Olympus", "timezone", id="calendar"),
        pytest.param("AVAILABILITY_DELAY_SECONDS", "soon", "delay_seconds", id="check"),
        pytest.param("SMTP_PORT", "70000", "port", id="mail"),
        pytest.param("STAFF_API_KEY", "clave-ñ", "STAFF_API_KEY", id="keys"),
        pytest.param("RATE_LIMIT", "many", "RATE_LIMIT", id="rate"),
        pytest.param("TRUSTED_PROXIES", "all", "TRUSTED_PROXIES", id="proxies"),
    ],
)
def test_a_wrong_setting_is_one_line_with_its_key(
    variable: str, value: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartupError) as problem:
        require_configuration()
    (line,) = str(problem.value).splitlines()
    assert line.startswith(f"{FILE}: ")
    assert key in line
    assert variable in line


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("AMQP_URI: [", id="unfinished"),
        pytest.param("a: b: c\nd: [e\n", id="not YAML"),
        pytest.param("AMQP_URI: !unknown x", id="unknown tag"),
        pytest.param("", id="empty"),
        pytest.param("- AMQP_URI", id="a list"),
        pytest.param("AMQP_URI: amqp://host/", id="half of it"),
        pytest.param("AMQP_URI: \x00", id="a control character"),
    ],
)
def test_a_file_that_is_no_configuration_is_one_line_with_its_path(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clinic.yaml"
    file.write_text(text)
    monkeypatch.setenv("CLINIC_CONFIG", str(file))
    with pytest.raises(StartupError) as problem:
        require_configuration()
    (line,) = str(problem.value).splitlines()
    assert line.startswith(f"{file}: ")
