"""Cross-checks of a whole catalogue: each problem has a path, and all are found."""

from __future__ import annotations

from typing import Any

import pytest

from clinic.catalogue.schema.catalogue_schema import parse_catalogue
from clinic.catalogue.validation import find_problems
from tests.catalogues import WHOLE, item, whole, with_item


def paths(data: Any, **options: bool) -> list[str]:
    return [problem.path for problem in find_problems(parse_catalogue(data), **options)]


def test_a_valid_catalogue_has_no_problems() -> None:
    assert paths(WHOLE) == []


HOURS = {"site": "nowhere", "weekday": "monday", "intervals": ["09:00-10:00"]}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (with_item("schedules", "ana", hours=[HOURS]), ["schedules[0].hours[0].site"]),
        (
            with_item("schedules", "ana", exceptions=[{"site": "x", "day": "2026-12-24"}]),
            ["schedules[0].exceptions[0].site"],
        ),
        (
            with_item("schedules", "ana", services=["visit", "review", "x-ray"]),
            ["schedules[0].services"],
        ),
        (with_item("schedules", "ana", services=["visit"]), ["services[1]"]),
        (with_item("schedules", "room-1", services=[]), ["services[1]"]),
        (with_item("schedules", "room-1", active=False), ["services[1]"]),
        (with_item("schedules", "room-1", kind="practitioner"), ["services[1]"]),
        (with_item("services", "visit", default=False), ["services"]),
        (with_item("services", "visit", active=False), ["services"]),
        (with_item("services", "review", default=True), ["services[1].default"]),
        (with_item("services", "visit", needs=[]), ["services[0].needs"]),
        (with_item("services", "review", needs=["room", "room"]), ["services[1].needs"]),
        (
            whole(services=[*WHOLE["services"], item("services", "review")]),
            ["services[2].id"],
        ),
        (whole(sites=[*WHOLE["sites"], *WHOLE["sites"]]), ["sites[1].id"]),
        (whole(schedules=[*WHOLE["schedules"], item("schedules", "ana")]), ["schedules[2].id"]),
        (
            with_item("services", "review", minutes=480, before=120, after=120),
            [],  # 288 claims
        ),
        (
            with_item(
                "services",
                "review",
                minutes=480,
                before=5,
                after=120,
                needs=["practitioner", "room", "pool"],
            ),
            ["services[1]", "services[1]"],  # 363 claims, and no pool
        ),
        ({}, ["services"]),
    ],
)
def test_each_inconsistency_has_a_path(data: Any, expected: list[str]) -> None:
    assert paths(data) == expected


def test_an_inactive_service_needs_neither_a_schedule_nor_to_be_the_only_default() -> None:
    retired = item("services", "review", id="retired", active=False, default=True)
    assert paths(whole(services=[*WHOLE["services"], retired])) == []


def test_all_problems_are_found_in_the_order_of_the_form() -> None:
    data = whole(
        services=[
            *(item("services", "review", id=f"s{number}", needs=[]) for number in range(11)),
            item("services", "visit", default=False),
        ],
        sites=[{"id": "centro", "names": {}, "zone": "x"}],
    )
    found = paths(data)
    assert found[0] == "services"
    assert found[1:12] == [f"services[{number}].needs" for number in range(11)]
    assert found[-2:] == ["sites[0].names.es", "sites[0].zone"]
    assert "schedules[0].services" in found


@pytest.mark.parametrize(
    "data",
    [
        with_item("services", "visit", minutes=7),
        with_item("schedules", "ana", name=""),
        with_item("sites", "centro", zone="x"),
        whole(services=[{}] * 101),
        whole(schedules={}),
        whole(sites="centro"),
    ],
)
def test_an_invalid_item_causes_no_further_problems(data: Any) -> None:
    assert len(paths(data)) == 1


def test_a_catalogue_can_be_built_item_by_item() -> None:
    """Until its first service is active."""
    site = whole(services=[], schedules=[])
    draft = with_item("services", "visit", active=False)["services"][:1]
    assert paths(site, may_be_incomplete=True) == []
    assert paths(site | {"services": draft}, may_be_incomplete=True) == []
    active = site | {"services": WHOLE["services"][:1]}
    assert paths(active, may_be_incomplete=True) == ["services[0]"]


def test_an_incomplete_catalogue_is_no_valid_file() -> None:
    assert paths(whole(services=[], schedules=[])) == ["services"]
