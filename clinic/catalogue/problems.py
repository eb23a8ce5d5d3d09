"""Problems of a catalogue: where they are, and what is wrong. They never quote values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from clinic.errors import CatalogueInvalid

#: The keys of marshmallow for the errors of a whole object, and for the values of a mapping.
_WHOLE = frozenset({"_schema", "value"})
_PLAIN = re.compile(r"[\w-]{1,40}", re.ASCII)
_MAX_NAME = 40


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """`path` is like `schedules[2].hours[0].site`; empty for the whole. Problems of the whole
    catalogue have a `code`, by which pages translate them; fields have messages of their own."""

    path: str
    message: str
    code: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def join(parent: str, key: object) -> str:
    """Return the path of a member or an element."""
    if isinstance(key, int):
        return f"{parent}[{key}]"
    return f"{parent}.{_shown(key)}".lstrip(".")


def problems_of(messages: Mapping[Any, Any], parent: str = "") -> Iterator[Problem]:
    """Flatten the messages of marshmallow."""
    for key, found in messages.items():
        path = parent if key in _WHOLE else join(parent, key)
        for message in [found] if isinstance(found, Mapping) else found:
            if isinstance(message, Mapping):
                yield from problems_of(message, path)
            else:
                yield Problem(path, str(message))


def invalid_catalogue(problems: Iterable[Problem]) -> CatalogueInvalid:
    return CatalogueInvalid([asdict(each) for each in problems])


def problems_in(error: CatalogueInvalid) -> tuple[Problem, ...]:
    return tuple(Problem(**each) for each in error.problems)


def _shown(key: object) -> str:
    """Shorten and escape the name of an unknown field, which is untrusted."""
    text = str(key)
    if _PLAIN.fullmatch(text):
        return text
    return text[:_MAX_NAME].encode("unicode_escape").decode("ascii")[:_MAX_NAME]
