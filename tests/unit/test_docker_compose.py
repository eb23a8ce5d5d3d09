from __future__ import annotations

from pathlib import Path

import yaml

FILE = Path(__file__).parents[2] / "docker-compose.yml"


def test_the_last_of_the_services_that_share_an_image_builds_it() -> None:
    services = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
    ours = [name for name, each in services.items() if each["image"] == "clinic-booking"]
    assert len(ours) == 3
    assert [name for name in ours if "build" in services[name]] == ours[-1:]
