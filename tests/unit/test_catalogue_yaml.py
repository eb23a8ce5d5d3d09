"""Catalogue files: all problems with their places, and exports that import to the same."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from clinic.catalogue import yaml_catalogue
from clinic.catalogue.located_yaml import MAX_DEPTH, read_located
from clinic.catalogue.schema.catalogue_schema import parse_catalogue
from clinic.catalogue.yaml_catalogue import CatalogueFile, read_catalogue, to_yaml
from clinic.domain.catalogue import ScheduleKind
from tests.catalogues import WHOLE, whole

EXAMPLE = Path(__file__).parents[2] / "examples" / "clinic.yaml"


def read(path: Path) -> CatalogueFile:
    with path.open("rb") as file:
        return read_catalogue(file)


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    path = tmp_path / "clinic.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [str(problem) for problem in read(path).find_problems()]


VALID = to_yaml(parse_catalogue(WHOLE).to_json())


def test_a_valid_file_has_no_problems(tmp_path: Path) -> None:
    assert problems(tmp_path, VALID) == []
    assert problems(tmp_path, b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode()) == []


FAULTY = """\
services:
  - id: visit
    names: {es: Visita}
    minutes: 31
    default: yes
    colour: red
  - names: {es: Otra}
    minutes: 30
schedules:
  - id: ana
    kind: practitioner
    name: Ana
    hours:
      - {site: nowhere, weekday: monday, intervals: ["09:00-13:00",
          "12:00-14:00"]}
      - site: centro
        weekday: lunes
        intervals: ["09:00-13:00"]
  - id: eva
    kind: practitioner
    name: Eva
    hours:
      - {site: nowhere, weekday: monday, intervals: ["09:00-13:00"]}
rooms: []
"""


def test_all_problems_have_their_places(tmp_path: Path) -> None:
    found = [problem.split(": ")[:2] for problem in problems(tmp_path, FAULTY)]
    assert found == [
        ["4:5", "services[0].minutes"],
        ["5:5", "services[0].default"],
        ["6:5", "services[0].colour"],
        ["7:5", "services[1].id"],
        ["15:11", "schedules[0].hours[0].intervals[1]"],
        ["17:9", "schedules[0].hours[1].weekday"],
        ["23:10", "schedules[1].hours[0].site"],
        ["24:1", "rooms"],
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("services: [\n", "2:1"),
        ("services: []\n\tsites: []\n", "2:1"),
        ("a: 1\nb: *unknown\n", "2:4"),
        ("a: 1\n---\nb: 1\n", "2:1"),
        ("a: \x07\n", "1:4"),
        ("a:\n  b: \ud7ff\ufffe", "2:7"),
        ("- 1\n- 2\n", "1:1"),
        ("", "1:1"),
        ("# nothing\n", "1:1"),
        ("text", "1:1"),
    ],
)
def test_a_file_that_is_no_catalogue_has_one_problem(tmp_path: Path, text: str, place: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sites: []\nsites: []\n", "2:1: sites: is a repeated key"),
        ("clinic: {name: A, name: B}\n", "1:19: clinic.name: is a repeated key"),
        ("? [a, b]\n: 1\n", "1:3: must be a text: it is a key"),
        ("clinic: {name: !!int 5}\n", "1:16: clinic.name: must have no tag"),
        ("clinic: !!python/object:os.system {}\n", "1:9: clinic: must have no tag"),
        ("clinic:\n  name: !env ${HOME}\n", "2:9: clinic.name: must have no tag"),
    ],
)
def test_faults_of_the_yaml_are_reported(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in problems(tmp_path, text)


def test_values_are_what_they_look_like() -> None:
    text = "[yes, no, on, 010, 0x10, 1e3, 1.5, 12:30, 2026-12-01, 12, -3, true, null, ~, '5', +34]"
    assert read_located(text).data == [
        *("yes", "no", "on", "010", "0x10", "1e3", "1.5", "12:30", "2026-12-01"),
        *(12, -3, True, None, None, "5", "+34"),
    ]


def test_an_alias_repeats_a_value(tmp_path: Path) -> None:
    text = "a: &hours [1, {b: 2}]\nc: *hours\n"
    assert read_located(text).data == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


def test_an_alias_bomb_is_rejected_quickly(tmp_path: Path) -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, MAX_DEPTH - 2):
        aliases = ", ".join([f"*l{level - 1}"] * 10)
        lines.append(f"l{level}: &l{level} [{aliases}]")
    begun = time.monotonic()
    (problem,) = problems(tmp_path, "\n".join(lines))
    assert "too many values" in problem
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    "text", ["a: &a [*a]\n", "[" * 100_000, "a: {" * 100_000, "- " * 100_000 + "x", "&a {b: *a}"]
)
def test_recursive_and_deep_data_is_rejected(tmp_path: Path, text: str) -> None:
    assert len(problems(tmp_path, text)) == 1


def test_a_file_that_is_too_large_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_catalogue, "MAX_FILE_BYTES", len(VALID.encode()))
    assert problems(tmp_path, VALID) == []
    with pytest.raises(ValueError, match="more than"):
        problems(tmp_path, VALID + "\n")


def test_a_file_in_another_encoding_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        problems(tmp_path, VALID.encode("latin-1"))


# --- export


def texts(longest: int, shortest: int = 1) -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from(["null", "yes", "1e3", "010", "a: b", "- x", "# no", "'q'", "2026-01-01"]),
        st.text(
            st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp")),
            min_size=shortest,
            max_size=longest,
        ),
    )


INTERVALS = st.sampled_from(
    [["00:00-24:00"], ["09:00-13:00", "13:00-14:00"], ["08:05-08:10"], ["09:00-14:00"]]
)
DAYS = st.dates(date(1900, 1, 1), date(2200, 1, 1)).map(str)
HOURS = st.fixed_dictionaries(
    {"weekday": st.sampled_from(["monday", "sunday"]), "intervals": INTERVALS},
    optional={"from": DAYS | st.none(), "until": DAYS | st.none()},
)


@st.composite
def catalogues(draw: st.DrawFn) -> Any:
    """A catalogue of which some values are unusual; not all of them are valid."""
    changed = whole(clinic={"name": draw(texts(80, 0))})
    ana = changed["schedules"][0] | {
        "name": draw(texts(80)),
        "kind": draw(st.sampled_from(["practitioner", "pool"])),
        "weight": draw(st.integers(1, 100)),
        "hours": [row | {"site": "centro"} for row in draw(st.lists(HOURS, max_size=4))],
        "exceptions": [
            {"site": "centro", "day": day, "intervals": draw(INTERVALS | st.just([]))}
            for day in draw(st.lists(DAYS, unique=True, max_size=3))
        ],
        "absences": [
            {
                "from": f"{min(days)}T08:00:00+01:00",
                "to": f"{max(days)}T08:00:00.5Z",
                "note": draw(texts(200, 0)),
            }
            for days in draw(st.lists(st.tuples(DAYS, DAYS), max_size=2))
        ],
    }
    changed["schedules"].append(ana | {"id": "other"})
    changed["sites"][0] |= {"address": draw(texts(200, 0)), "phone": draw(texts(40, 0))}
    return changed


@given(catalogues())
def test_an_export_imports_to_the_same_catalogue(data: Any) -> None:
    parsed = parse_catalogue(data)
    assume(not parsed.problems)
    canonical = parsed.to_json()
    located = read_located(to_yaml(canonical))
    assert located.faults == []
    assert parse_catalogue(located.data).to_json() == canonical


# --- the example


def test_the_example_is_valid() -> None:
    file = read(EXAMPLE)
    assert file.find_problems() == []
    parsed = parse_catalogue(file.data)
    kinds = [schedule.kind for schedule in parsed.schedules if schedule]
    assert (kinds.count(ScheduleKind.PRACTITIONER), kinds.count(ScheduleKind.ROOM)) == (3, 2)
    assert (len(parsed.sites), len(parsed.services)) == (2, 4)
    assert [each.id for each in parsed.services if each and each.is_default] == ["first-visit"]
    assert {each.holidays for each in parsed.sites if each} == {"ES-MD"}
    assert not any(each.absences for each in parsed.schedules if each)
    for practitioner in filter(None, parsed.schedules[:3]):
        assert any(len(row.intervals) > 1 for row in practitioner.hours)  # a break


def test_each_service_of_the_example_has_a_common_site() -> None:
    parsed = parse_catalogue(read(EXAMPLE).data)
    schedules = list(filter(None, parsed.schedules))
    for service in filter(None, parsed.services):
        doing = [each for each in schedules if service.id in each.services]
        sites = [
            {row.site for each in doing if each.kind is kind for row in each.hours}
            for kind in service.needs
        ]
        assert set.intersection(*sites)


def test_the_example_is_plain_yaml_too() -> None:
    """Other tools read the same texts, but for the days."""
    assert set(yaml.safe_load(EXAMPLE.read_text("utf-8"))) == set(WHOLE)
