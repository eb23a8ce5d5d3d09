from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).parents[2] / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
#: Whoever sends e-mails or webhooks, or is published, needs a network that leads outside.
DATA = {"rabbitmq", "mongo", "database_user", "booking_service"}


def test_the_last_of_the_services_that_share_an_image_builds_it() -> None:
    ours = [name for name, each in SERVICES.items() if each["image"] == "clinic-booking"]
    assert len(ours) == 5
    assert [name for name in ours if "build" in SERVICES[name]] == ours[-1:]


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_a_version_of_its_own(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image == "clinic-booking" or re.search(r":v?\d+\.\d+\.\d+(-\w+)?\}?$", image)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


@pytest.mark.parametrize("name", sorted(DATA))
def test_what_holds_data_is_in_the_inner_network_only(name: str) -> None:
    assert SERVICES[name]["networks"] == ["core"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_password_has_a_default(name: str) -> None:
    for variable, value in (SERVICES[name].get("environment") or {}).items():
        if re.search("PASSWORD|SECRET|KEY|URI", variable):
            assert not value or str(value).startswith("/run/secrets/")


def test_every_setting_can_be_made_in_compose() -> None:
    config = (FILE.parent / "config.yaml").read_text(encoding="utf-8")
    settings = set(re.findall(r"^[^#\n]*\$\{([A-Z_]+):", config, re.MULTILINE))
    passed = {name for each in SERVICES.values() for name in each.get("environment") or {}}
    passed |= {name.removesuffix("_FILE") for name in passed}
    assert {name for name in settings - passed if not name.endswith("_FILE")} == set()
