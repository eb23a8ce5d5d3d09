"""Reads YAML together with the place of every value, for errors that name line and column.

Only what JSON has: texts, whole numbers, true, false, null, lists and mappings. Dates and times are
texts, and so are `yes` and `010`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from clinic.catalogue.problems import Problem, join

#: Nested lists and mappings.
MAX_DEPTH = 20
#: Values, counted again for each alias: a short file could expand to billions.
MAX_VALUES = 200_000

_TAG = "tag:yaml.org,2002:"
_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
#: The last part of a path.
_LAST = re.compile(r"(\[\d+\]|\.?[^.\[\]]+)$")
#: Longer numbers are texts: no field allows them.
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,9})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Counted from 1."""

    line: int
    column: int

    @classmethod
    def of(cls, mark: yaml.Mark | None) -> Place:
        return cls(mark.line + 1, mark.column + 1) if mark else cls(1, 1)


@dataclass(frozen=True, slots=True, order=True)
class LocatedProblem:
    place: Place
    problem: Problem

    def __str__(self) -> str:
        return f"{self.place.line}:{self.place.column}: {self.problem}"


@dataclass(slots=True)
class LocatedData:
    """`places` has the place of each value by its path: that of its key in a mapping. `faults`
    are problems of the YAML itself."""

    data: Any = None
    places: dict[str, Place] = field(default_factory=dict)
    faults: list[LocatedProblem] = field(default_factory=list)

    def locate(self, problem: Problem) -> LocatedProblem:
        """Add the place of the value, or of the object in which it is missing."""
        path = problem.path
        while path and path not in self.places:
            path = _LAST.sub("", path) if _LAST.search(path) else path[:-1]
        return LocatedProblem(self.places.get(path, Place(1, 1)), problem)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="is nested too deeply", problem_mark=mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def read_located(text: str) -> LocatedData:
    """Read the text. A fault in its syntax is the only one; others are all found."""
    reader = _Reader()
    try:
        node = yaml.compose(text, _Loader)
        if node is not None:
            reader.located.data = reader.value(node, "", 0)
    except yaml.MarkedYAMLError as error:
        reader.fault(error.problem_mark, "", error.problem or "is not valid YAML")
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        problem = Problem("", "YAML does not allow this character")
        reader.located.faults.append(LocatedProblem(place, problem))
    return reader.located


class _Reader:
    def __init__(self) -> None:
        self.located = LocatedData()
        self._values = 0

    def fault(self, mark: yaml.Mark | None, path: str, message: str) -> None:
        self.located.faults.append(LocatedProblem(Place.of(mark), Problem(path, message)))

    def value(self, node: yaml.Node, path: str, depth: int) -> Any:
        """Raises: MarkedYAMLError for data that is too large or too deep."""
        self._values += 1
        if self._values > MAX_VALUES or depth > MAX_DEPTH:
            problem = "has too many values, with those of its aliases"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        self.located.places.setdefault(path, Place.of(node.start_mark))
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return dict(self._members(node, path, depth))
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [
                self.value(each, join(path, index), depth + 1)
                for index, each in enumerate(node.value)
            ]
        if isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}str":
            return _scalar(node)
        self.fault(node.start_mark, path, "must have no tag")
        return None

    def _members(self, node: yaml.MappingNode, path: str, depth: int) -> Iterator[tuple[str, Any]]:
        seen = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fault(key.start_mark, path, "must be a text: it is a key")
                continue
            member = join(path, key.value)
            if key.value in seen:
                self.fault(key.start_mark, member, "is a repeated key")
                continue
            seen.add(key.value)
            self.located.places[member] = Place.of(key.start_mark)
            yield key.value, self.value(value, member, depth + 1)


def _scalar(node: yaml.ScalarNode) -> Any:
    """Return the value of a scalar; one in quotes is always text."""
    text: str = node.value
    if node.style is not None:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text
