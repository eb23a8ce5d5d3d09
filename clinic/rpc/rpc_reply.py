"""What a service has answered to an RPC call: a result, or an error to raise here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clinic.contracts import strict_json
from clinic.errors import ClinicError, ServiceUnavailable, TransientError


def said(service: str) -> str:
    """Name a service as people do."""
    return service.replace("_", " ")


def read_reply(reply: bytes, service: str) -> Any:
    """Return the result of `{"result", "error"}`.

    Raises: the error that it holds; ServiceUnavailable if it is no reply at all.
    """
    try:
        answer = strict_json.loads(reply)
        result, error = answer["result"], answer["error"]
        known = _error(error, service) if error else None
    except (strict_json.InvalidJson, KeyError, TypeError):
        raise ServiceUnavailable(f"the {service} has sent no reply that can be read") from None
    if known:
        raise known
    return result


def _error(told: dict[str, Any], service: str) -> Exception:
    """Make the error that the service has raised. Of a foreign one nothing but its name is told:
    its text could hold anything.

    Raises: KeyError, TypeError for what is no error.
    """
    known = _ERRORS.get(told["exc_path"])
    if known is None:
        return RuntimeError(f"{str(told['exc_type'])[:100]} in the {service}")
    if issubclass(known, TransientError):
        return ServiceUnavailable(f"the {service} has raised {known.code}")
    return known(*told["exc_args"])


def _tree(root: type[ClinicError]) -> Iterator[type[ClinicError]]:
    yield root
    for each in root.__subclasses__():
        yield from _tree(each)


_ERRORS = {f"{each.__module__}.{each.__qualname__}": each for each in _tree(ClinicError)}
