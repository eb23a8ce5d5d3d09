"""Strict JSON: unique keys, finite numbers, valid Unicode, bounded depth."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

#: Nested arrays and objects. Python's own limit depends on its version and stack.
MAX_DEPTH = 100
#: Escapes can produce a lone surrogate, which can't be encoded as UTF-8 later.
_ESCAPE = b"\\u"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class InvalidJson(ValueError):
    """The bytes are not strict JSON. The message says why, without quoting the content."""


def loads(data: bytes) -> Any:
    """Decode UTF-8 JSON. Ignores a BOM, as RFC 8259, section 8.1, allows.

    Raises: InvalidJson (also for NaN, a repeated key or a lone surrogate).
    """
    try:
        value = _DECODER.decode(data.removeprefix(codecs.BOM_UTF8).decode("utf-8"))
        if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_too_deep(value):
            raise RecursionError
        if _ESCAPE in data:
            dumps(value)
    except UnicodeError:
        raise InvalidJson("the text is not valid UTF-8") from None
    except RecursionError:
        raise InvalidJson("the nesting is too deep") from None
    except json.JSONDecodeError as error:
        raise InvalidJson(f"{error.msg} at character {error.pos}") from None
    except InvalidJson:
        raise
    except ValueError:
        raise InvalidJson("a number is too large") from None
    return value


def dumps(value: Any) -> bytes:
    """Encode as compact UTF-8. Raises: TypeError for anything that is not plain JSON."""
    return _ENCODER.encode(value).encode()


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level for inner in _inner_values(item)]
        if not level:
            return False
    return any(isinstance(item, list | dict) for item in level)


def _inner_values(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise InvalidJson("a key is repeated")
    return members


def _reject_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidJson("a number is too large")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_keys, parse_constant=_reject_constant, parse_float=_finite
)
