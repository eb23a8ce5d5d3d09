"""Catalogues in YAML files: reading with the place of each problem, and writing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import yaml

from clinic.catalogue.located_yaml import LocatedData, LocatedProblem, read_located
from clinic.catalogue.schema.catalogue_schema import Json, count_items, parse_catalogue
from clinic.catalogue.validation import find_problems

MAX_FILE_BYTES = 1024 * 1024

_LINE_WIDTH = 100
#: Values that a file omits: those of fields without a value.
_UNSET: tuple[Any, ...] = (None, "", [])


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """What a file contains."""

    located: LocatedData

    @property
    def data(self) -> Any:
        """The catalogue, not validated beyond YAML."""
        return self.located.data

    def count_items(self) -> int:
        return count_items(self.data)

    def find_problems(self, on_item: Callable[[], object] = lambda: None) -> list[LocatedProblem]:
        """Return all problems by their place. Calls `on_item` for each item."""
        faults = self.located.faults
        if faults and self.data is None:
            return faults
        found = find_problems(parse_catalogue(self.data, on_item))
        return sorted([*faults, *(self.located.locate(problem) for problem in found)])


def read_catalogue(stream: IO[bytes]) -> CatalogueFile:
    """Raises: OSError; ValueError for a file that is too large or no UTF-8, which says why."""
    data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"the file has more than {MAX_FILE_BYTES >> 20} MB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the file is not UTF-8 at byte {error.start}") from None
    return CatalogueFile(read_located(text))


def to_yaml(whole: Json) -> str:
    """Write a catalogue, without fields that have no value."""
    return yaml.safe_dump(
        _without_unset(whole),
        allow_unicode=True,
        default_flow_style=None,
        sort_keys=False,
        width=_LINE_WIDTH,
    )


def _without_unset(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_unset(found) for name, found in value.items() if found not in _UNSET}
    return [_without_unset(each) for each in value] if isinstance(value, list) else value
