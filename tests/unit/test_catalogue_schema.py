"""The form of a catalogue: strict on the way in, canonical on the way out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clinic.catalogue.problems import Problem
from clinic.catalogue.schema.catalogue_schema import (
    ItemKind,
    dump_item,
    parse_catalogue,
    parse_item,
)
from clinic.domain.catalogue import Absence, Closure, ScheduleKind
from clinic.domain.opening_hours import OpeningInterval
from tests.catalogues import WHOLE, item, whole

SERVICE, SCHEDULE, SITE = ItemKind.SERVICE, ItemKind.SCHEDULE, ItemKind.SITE
HOURS = {"site": "centro", "weekday": "monday", "intervals": ["09:00-13:00"]}


def problems(kind: ItemKind, item_id: str, /, **changes: Any) -> list[str]:
    """The paths of the problems of a changed item."""
    loaded, found = parse_item(kind, item(kind.value, item_id, **changes))
    assert (loaded is None) == bool(found)
    return [problem.path for problem in found]


def load(kind: ItemKind, item_id: str, /, **changes: Any) -> Any:
    loaded, found = parse_item(kind, item(kind.value, item_id, **changes))
    assert found == []
    return loaded


def test_a_service_has_defaults() -> None:
    service = load(SERVICE, "visit")
    assert (service.minutes, service.start_every, service.before, service.after) == (30, 30, 0, 0)
    assert service.needs == (ScheduleKind.PRACTITIONER,)
    assert (service.is_default, service.is_active, service.notice_minutes) == (True, True, 0)


def test_a_schedule_loads_into_the_domain() -> None:
    schedule = load(
        SCHEDULE,
        "ana",
        hours=[HOURS | {"from": "2026-12-01", "until": None}],
        exceptions=[{"site": "centro", "day": "2026-12-24", "intervals": ["09:00-12:00"]}],
        absences=[{"from": "2027-01-04T08:00:00+01:00", "to": "2027-01-09T00:00:00Z"}],
        overbook=2,
        weight=50,
    )
    (hours,) = schedule.hours
    assert (hours.site, hours.weekday, hours.first, hours.last) == (
        *("centro", 0),
        *(date(2026, 12, 1), None),
    )
    assert hours.intervals == (OpeningInterval.parse("09:00-13:00"),)
    assert schedule.exceptions[0].day == date(2026, 12, 24)
    assert schedule.absences == (
        Absence(datetime(2027, 1, 4, 7, tzinfo=UTC), datetime(2027, 1, 9, tzinfo=UTC)),
    )
    assert schedule.services == {"visit", "review"}


def test_a_site_loads_into_the_domain() -> None:
    site = load(
        SITE, "centro", closures=[{"from": "2026-12-24", "to": "2026-12-26"}], holidays="ES-MD"
    )
    assert site.zone == ZoneInfo("Europe/Madrid")
    assert site.closures == (Closure(date(2026, 12, 24), date(2026, 12, 26)),)


def test_the_canonical_form_has_every_field_and_loads_again() -> None:
    parsed = parse_catalogue(WHOLE)
    canonical = parsed.to_json()
    assert parse_catalogue(canonical).to_json() == canonical
    (site,) = canonical["sites"]
    assert site == {
        "id": "centro",
        "names": {"es": "Centro", "en": "Centro"},
        "zone": "Europe/Madrid",
        "address": "",
        "phone": "",
        "closures": [],
        "holidays": "",
    }
    assert canonical["schedules"][0]["services"] == ["review", "visit"]
    assert canonical["services"][0]["startEvery"] == 30


def test_versions_reach_the_domain() -> None:
    versions = {
        "services": {"visit": 3, "review": 1},
        "schedules": {"ana": 2, "room-1": 1},
        "sites": {"centro": 9},
    }
    catalogue = parse_catalogue(WHOLE).to_catalogue("default", timedelta(days=30), 12, versions)
    assert (catalogue.version, catalogue.sites["centro"].version) == (12, 9)
    assert catalogue.schedules["ana"].version == 2
    assert catalogue.profile.name == "Clínica Sol"
    assert catalogue.default_service.id == "visit"


@pytest.mark.parametrize(
    ("kind", "item_id", "changes", "path"),
    [
        (SERVICE, "visit", {"id": "Visit"}, "id"),
        (SERVICE, "visit", {"id": "v" * 25}, "id"),
        (SERVICE, "visit", {"id": {"$gt": ""}}, "id"),
        (SERVICE, "visit", {"colour": "red"}, "colour"),
        (SERVICE, "visit", {"version": 1}, "version"),
        (SERVICE, "visit", {"names": {"en": "Visit"}}, "names.es"),
        (SERVICE, "visit", {"names": {"es": " "}}, "names.es"),
        (SERVICE, "visit", {"names": {"es": "V" * 81}}, "names.es"),
        (SERVICE, "visit", {"names": {"es": "V" * 1_000_000}}, "names.es"),
        (SERVICE, "visit", {"names": {"es": "a\nb"}}, "names.es"),
        (SERVICE, "visit", {"names": {"es": "a\u202eb"}}, "names.es"),
        (SERVICE, "visit", {"names": {"es": "V", "fr": "V"}}, "names.fr"),
        (SERVICE, "visit", {"names": "Visita"}, "names"),
        (SERVICE, "visit", {"minutes": 0}, "minutes"),
        (SERVICE, "visit", {"minutes": 485}, "minutes"),
        (SERVICE, "visit", {"minutes": 31}, "minutes"),
        (SERVICE, "visit", {"minutes": "30"}, "minutes"),
        (SERVICE, "visit", {"minutes": 30.0}, "minutes"),
        (SERVICE, "visit", {"minutes": True}, "minutes"),
        (SERVICE, "visit", {"minutes": None}, "minutes"),
        (SERVICE, "visit", {"before": 125}, "before"),
        (SERVICE, "visit", {"after": -5}, "after"),
        (SERVICE, "visit", {"startEvery": 7}, "startEvery"),
        (SERVICE, "visit", {"noticeMinutes": -1}, "noticeMinutes"),
        (SERVICE, "visit", {"needs": ["nurse"]}, "needs[0]"),
        (SERVICE, "visit", {"needs": ["practitioner"] * 4}, "needs"),
        (SERVICE, "visit", {"default": "yes"}, "default"),
        (SERVICE, "visit", {"active": 1}, "active"),
        (SCHEDULE, "ana", {"kind": "nurse"}, "kind"),
        (SCHEDULE, "ana", {"name": None}, "name"),
        (SCHEDULE, "ana", {"services": ["visit", "visit"]}, "services[1]"),
        (SCHEDULE, "ana", {"services": "visit"}, "services"),
        (SCHEDULE, "ana", {"hours": [HOURS | {"weekday": "lunes"}]}, "hours[0].weekday"),
        (SCHEDULE, "ana", {"hours": [HOURS | {"weekday": {}}]}, "hours[0].weekday"),
        (SCHEDULE, "ana", {"hours": [HOURS | {"intervals": []}]}, "hours[0].intervals"),
        (SCHEDULE, "ana", {"hours": [HOURS | {"site": "Centro"}]}, "hours[0].site"),
        (SCHEDULE, "ana", {"hours": [HOURS] * 101}, "hours"),
        (SCHEDULE, "ana", {"hours": ["monday"]}, "hours[0]"),
        (
            SCHEDULE,
            "ana",
            {"hours": [HOURS | {"from": "2026-12-02", "until": "2026-12-01"}]},
            "hours[0].until",
        ),
        (SCHEDULE, "ana", {"hours": [HOURS | {"from": "2026-02-30"}]}, "hours[0].from"),
        (
            SCHEDULE,
            "ana",
            {"exceptions": [{"site": "centro", "day": "2026-12-24"}] * 2},
            "exceptions[1].day",
        ),
        (
            SCHEDULE,
            "ana",
            {"absences": [{"from": "2027-01-04T08:00:00Z", "to": "2027-01-04T08:00:00Z"}]},
            "absences[0].to",
        ),
        (
            SCHEDULE,
            "ana",
            {"absences": [{"from": "2027-01-04", "to": "2027-01-05T00:00:00Z"}]},
            "absences[0].from",
        ),
        (SCHEDULE, "ana", {"overbook": 11}, "overbook"),
        (SCHEDULE, "ana", {"weight": 0}, "weight"),
        (SCHEDULE, "ana", {"weight": 101}, "weight"),
        (SCHEDULE, "ana", {"capacity": 2}, "capacity"),
        (SITE, "centro", {"zone": "Madrid"}, "zone"),
        (SITE, "centro", {"zone": "right/UTC"}, "zone"),
        (SITE, "centro", {"zone": ["UTC"]}, "zone"),
        (SITE, "centro", {"holidays": "ES-XX"}, "holidays"),
        (SITE, "centro", {"holidays": "XX"}, "holidays"),
        (SITE, "centro", {"holidays": "España"}, "holidays"),
        (SITE, "centro", {"holidays": 34}, "holidays"),
        (SITE, "centro", {"closures": [{"from": "2026-12-24"}]}, "closures[0].to"),
        (
            SITE,
            "centro",
            {"closures": [{"from": "2026-12-24", "to": "2026-12-23"}]},
            "closures[0].to",
        ),
    ],
)
def test_an_invalid_value_is_rejected_at_its_path(
    kind: ItemKind, item_id: str, changes: dict[str, Any], path: str
) -> None:
    assert problems(kind, item_id, **changes) == [path]


@pytest.mark.parametrize(
    "intervals",
    [
        ["13:00-09:00"],
        ["09:00-09:00"],
        ["9:00-13:00"],
        ["09:00 - 13:00"],
        ["09:02-13:00"],
        ["09:00:00-13:00"],
        ["24:00-24:00"],
        ["09:00-25:00"],
        ["09:00"],
        [900],
        ["15:00-18:00", "09:00-13:00"],
        ["09:00-13:00", "12:55-18:00"],
        ["09:00-24:00", "23:00-24:00"],
    ],
)
def test_invalid_intervals_are_rejected(intervals: list[Any]) -> None:
    (path,) = problems(SCHEDULE, "ana", hours=[HOURS | {"intervals": intervals}])
    assert path.startswith("hours[0].intervals[")


def test_adjacent_intervals_and_the_end_of_the_day_are_valid() -> None:
    rows = [HOURS | {"intervals": ["00:00-09:00", "09:00-24:00"]}]
    dumped = dump_item(SCHEDULE, load(SCHEDULE, "ana", hours=rows))
    assert dumped["hours"][0]["intervals"] == ["00:00-09:00", "09:00-24:00"]


SUMMER = {"from": "2027-06-01", "until": "2027-08-31"}


@pytest.mark.parametrize(
    ("second", "overlaps"),
    [
        (HOURS, True),
        (HOURS | {"intervals": ["12:00-14:00"]}, True),
        (HOURS | {"intervals": ["13:00-14:00"]}, False),
        (HOURS | {"intervals": ["08:00-09:00"]}, False),
        (HOURS | {"weekday": "tuesday"}, False),
        (HOURS | {"site": "norte"}, False),
        (HOURS | SUMMER, True),
        (HOURS | {"from": "2027-08-31"}, True),
    ],
)
def test_hours_of_one_site_must_not_overlap_across_rows(
    second: dict[str, Any], overlaps: bool
) -> None:
    expected = ["hours[1].intervals"] if overlaps else []
    assert problems(SCHEDULE, "ana", hours=[HOURS, second]) == expected


def test_hours_of_different_periods_may_overlap() -> None:
    rows = [
        HOURS | {"until": "2027-05-31"},
        HOURS | SUMMER,
        HOURS | {"from": "2027-09-01"},
    ]
    assert problems(SCHEDULE, "ana", hours=rows) == []


def test_a_pool_has_several_seats() -> None:
    assert load(SCHEDULE, "ana", kind="pool", capacity=4).capacity == 4


def test_all_problems_of_an_item_are_found() -> None:
    found = problems(
        SCHEDULE, "ana", name="", overbook=99, hours=[HOURS | {"weekday": "x", "site": "?"}]
    )
    assert sorted(found) == ["hours[0].site", "hours[0].weekday", "name", "overbook"]


@pytest.mark.parametrize("data", [None, [], "visit", 3, {1: 2}])
def test_an_item_must_be_an_object(data: Any) -> None:
    loaded, found = parse_item(SERVICE, data)
    assert loaded is None
    assert found


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_a_catalogue_must_be_an_object(data: Any) -> None:
    assert parse_catalogue(data).problems == [Problem("", "must be an object")]


def test_the_members_of_a_catalogue_are_known_lists() -> None:
    data = {"services": {}, "sites": [1] * 51, "rooms": [], 7: 1}
    found = {problem.path for problem in parse_catalogue(data).problems}
    assert found == {"services", "sites", "rooms", "[7]"}


def test_the_name_of_an_unknown_field_is_shortened_and_escaped() -> None:
    _, found = parse_item(SERVICE, item("services", "visit", **{"\x1b[31m" + "x" * 1000: 1}))
    (problem,) = found
    assert len(problem.path) <= 40
    assert problem.path.isprintable()


def test_no_message_quotes_a_value() -> None:
    secret = "SECRET VALUE"
    data = whole(
        clinic=dict.fromkeys(("sender", "publicUrl", "languages"), secret),
        services=[dict.fromkeys(WHOLE["services"][1], secret)],
        schedules=[
            dict.fromkeys(WHOLE["schedules"][0], secret)
            | {"hours": [dict.fromkeys(HOURS, secret) | {"intervals": [secret]}]}
        ],
        sites=[{"id": "a", "names": {"es": "A"}, "zone": secret, "holidays": secret}],
    )
    found = parse_catalogue(data).problems
    assert len(found) > 15
    assert not any(secret in str(problem) for problem in found)


@pytest.mark.parametrize(
    ("profile", "path"),
    [
        ({"sender": "not an address"}, "clinic.sender"),
        ({"sender": "a@clinica.example\nBcc: b@clinica.example"}, "clinic.sender"),
        ({"publicUrl": "ftp://clinica.example"}, "clinic.publicUrl"),
        ({"publicUrl": "https://clinica.example/path"}, "clinic.publicUrl"),
        ({"languages": ["fr"]}, "clinic.languages[0]"),
        ({"languages": ["es", "es"]}, "clinic.languages[1]"),
        ({"telephone": "1"}, "clinic.telephone"),
        ([], "clinic"),
    ],
)
def test_an_invalid_profile_is_rejected(profile: Any, path: str) -> None:
    assert [each.path for each in parse_catalogue(whole(clinic=profile)).problems] == [path]


@pytest.mark.parametrize("sender", ["", "a@clinica.example", "Sol, S.L. <a@clinica.example>"])
def test_a_sender_is_kept(sender: str) -> None:
    parsed = parse_catalogue(whole(clinic={"sender": sender}))
    assert (parsed.problems, parsed.profile.sender) == ([], sender)
