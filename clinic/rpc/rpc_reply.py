"""Reads the reply to an RPC call: a result, or an error to raise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clinic.contracts import strict_json
from clinic.errors import ClinicError, ServiceUnavailable, TransientError


def display_name(service: str) -> str:
    return service.replace("_", " ")


def read_reply(reply: bytes, service: str) -> Any:
    """Return the result of the reply `{"result", "error"}`.

    Raises: the error in the reply; ServiceUnavailable for an invalid reply.
    """
    try:
        body = strict_json.loads(reply)
        result, failure = body["result"], body["error"]
        error = _error(failure, service) if failure else None
    except (strict_json.InvalidJson, KeyError, TypeError):
        raise ServiceUnavailable(f"the {service} has sent an unreadable reply") from None
    if error:
        raise error
    return result


def _error(failure: dict[str, Any], service: str) -> Exception:
    """Return the error that the service raised. An error that is not a ClinicError keeps only its
    name, because its text may contain personal data.

    Raises: KeyError, TypeError for an invalid error.
    """
    error_class = _ERRORS.get(failure["exc_path"])
    if error_class is None:
        return RuntimeError(f"{str(failure['exc_type'])[:100]} in the {service}")
    if issubclass(error_class, TransientError):
        return ServiceUnavailable(f"the {service} has raised {error_class.code}")
    return error_class(*failure["exc_args"])


def _tree(root: type[ClinicError]) -> Iterator[type[ClinicError]]:
    yield root
    for subclass in root.__subclasses__():
        yield from _tree(subclass)


_ERRORS = {f"{error.__module__}.{error.__qualname__}": error for error in _tree(ClinicError)}
