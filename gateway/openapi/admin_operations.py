"""The operations of the items of the catalogue: the same for each kind."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from clinic.catalogue.schema.catalogue_schema import SCHEMAS, ItemKind
from gateway.openapi import error_responses
from gateway.openapi.components import STAFF
from gateway.openapi.operation import Operation, Response

TAG = "Catalogue"

_NAMES = {"es": "Primera visita", "en": "First visit"}
_EXAMPLES: dict[ItemKind, dict[str, Any]] = {
    ItemKind.SERVICE: {
        "id": "first-visit",
        "names": _NAMES,
        "minutes": 30,
        "before": 0,
        "after": 5,
        "startEvery": 30,
        "noticeMinutes": 120,
        "needs": ["practitioner"],
        "default": True,
        "active": True,
    },
    ItemKind.SCHEDULE: {
        "id": "ana-lopez",
        "kind": "practitioner",
        "name": "Dra. Ana López",
        "services": ["first-visit"],
        "hours": [
            {
                "site": "centro",
                "weekday": "monday",
                "intervals": ["09:00-13:00", "15:00-18:00"],
                "from": None,
                "until": None,
            }
        ],
        "exceptions": [{"site": "centro", "day": "2026-12-24", "intervals": ["09:00-12:00"]}],
        "absences": [
            {"from": "2027-02-01T07:00:00Z", "to": "2027-02-02T19:00:00Z", "note": "Congreso"}
        ],
        "capacity": 1,
        "overbook": 0,
        "weight": 1,
        "active": True,
    },
    ItemKind.SITE: {
        "id": "centro",
        "names": {"es": "Centro", "en": "City centre"},
        "zone": "Europe/Madrid",
        "address": "Calle Mayor 1, 28013 Madrid",
        "phone": "910 000 000",
        "closures": [{"from": "2026-12-31", "to": "2026-12-31", "note": "Nochevieja"}],
        "holidays": "ES-MD",
    },
}
_UNCHANGED = Response(
    status=HTTPStatus.NOT_MODIFIED,
    description="The known ETag is still current.",
    media_type=None,
    headers=("ETag",),
)


def item_operations() -> Iterator[Operation]:
    for kind in ItemKind:
        yield from (_list(kind), _read(kind), _put(kind), _delete(kind))


def _list(kind: ItemKind) -> Operation:
    return Operation(
        name=f"list{kind.value.title()}",
        method="GET",
        path=f"/admin/{kind.value}",
        tag=TAG,
        summary=f"List the {kind.value} of the catalogue",
        responses=(
            Response(
                description="In the order of the catalogue.",
                schema=SCHEMAS[kind],
                many=True,
                example=[_EXAMPLES[kind]],
            ),
        ),
        errors=(error_responses.TOO_MANY, error_responses.UNAVAILABLE),
        access=(STAFF,),
    )


def _read(kind: ItemKind) -> Operation:
    name = _singular(kind)
    return Operation(
        name=f"read{name.title()}",
        method="GET",
        path=_path(kind),
        tag=TAG,
        summary=f"Read a {name}",
        parameters=("ItemId", "IfNoneMatch"),
        responses=(_found(kind, "The item, with every field."), _UNCHANGED),
        errors=(
            error_responses.NO_SUCH_ITEM,
            error_responses.TOO_MANY,
            error_responses.UNAVAILABLE,
        ),
        access=(STAFF,),
    )


def _put(kind: ItemKind) -> Operation:
    name = _singular(kind)
    return Operation(
        name=f"put{name.title()}",
        method="PUT",
        path=_path(kind),
        tag=TAG,
        summary=f"Create or replace a {name}",
        description="Replacing requires `If-Match` with the ETag of the version to replace."
        " A change that would make the catalogue invalid is rejected as a whole, with all problems."
        " The same content keeps the ETag.",
        parameters=("ItemId", "IfMatch", "IfNoneMatch"),
        body=SCHEMAS[kind],
        example=_EXAMPLES[kind],
        responses=(
            _found(kind, "The item, replaced."),
            _found(kind, "The item, created.", HTTPStatus.CREATED, "Location"),
        ),
        errors=(
            error_responses.INVALID_ITEM,
            error_responses.TOO_SLOW,
            error_responses.STALE_ITEM,
            error_responses.TOO_LARGE,
            error_responses.NOT_JSON,
            error_responses.NO_PRECONDITION,
            error_responses.TOO_MANY,
            error_responses.UNAVAILABLE_OR_CONTESTED,
        ),
        access=(STAFF,),
    )


def _delete(kind: ItemKind) -> Operation:
    name = _singular(kind)
    return Operation(
        name=f"delete{name.title()}",
        method="DELETE",
        path=_path(kind),
        tag=TAG,
        summary=f"Delete a {name}",
        description="Requires `If-Match`. An item that upcoming bookings need, or that others refer"
        " to, is not deleted; it can be made inactive.",
        parameters=("ItemId", "IfMatch"),
        responses=(
            Response(status=HTTPStatus.NO_CONTENT, description="Deleted.", media_type=None),
        ),
        errors=(
            error_responses.INVALID_CATALOGUE,
            error_responses.NO_SUCH_ITEM,
            error_responses.ITEM_IN_USE,
            error_responses.STALE_ITEM,
            error_responses.NO_PRECONDITION,
            error_responses.TOO_MANY,
            error_responses.UNAVAILABLE_OR_CONTESTED,
        ),
        access=(STAFF,),
    )


def _found(
    kind: ItemKind, description: str, status: HTTPStatus = HTTPStatus.OK, *headers: str
) -> Response:
    return Response(
        status=status,
        description=description,
        schema=SCHEMAS[kind],
        example=_EXAMPLES[kind],
        headers=("ETag", *headers),
    )


def _path(kind: ItemKind) -> str:
    return f"/admin/{kind.value}/{{id}}"


def _singular(kind: ItemKind) -> str:
    return kind.name.lower()
