"""The operations for patients who choose a service, a practitioner and a site."""

from __future__ import annotations

from clinic.contracts.slot_queries import MAX_OPENINGS, OpeningsQuerySchema
from gateway.openapi import error_responses, response_schemas
from gateway.openapi.operation import Operation, Response

_TAG = "Bookings"

SERVICES = Operation(
    name="listOfferedServices",
    method="GET",
    path="/services",
    tag=_TAG,
    summary="List the services that can be booked",
    description="Names follow Accept-Language. The list is empty for a clinic without a catalogue.",
    parameters=("AcceptLanguage",),
    responses=(
        Response(
            description="The services.",
            schema=response_schemas.PublicServiceSchema,
            many=True,
            example=[{"id": "first-visit", "name": "First visit", "minutes": 30, "default": True}],
        ),
    ),
    errors=(error_responses.UNAVAILABLE,),
)

PRACTITIONERS = Operation(
    name="listPractitioners",
    method="GET",
    path="/practitioners",
    tag=_TAG,
    summary="List the practitioners",
    responses=(
        Response(
            description="The practitioners, with the services that they do and their sites.",
            schema=response_schemas.PublicPractitionerSchema,
            many=True,
            example=[
                {
                    "id": "ana-lopez",
                    "name": "Dra. Ana López",
                    "services": ["first-visit"],
                    "sites": ["centro"],
                }
            ],
        ),
    ),
    errors=(error_responses.UNAVAILABLE,),
)

SITES = Operation(
    name="listPublicSites",
    method="GET",
    path="/sites",
    tag=_TAG,
    summary="List the sites of the clinic",
    parameters=("AcceptLanguage",),
    responses=(
        Response(
            description="The sites.",
            schema=response_schemas.PublicSiteSchema,
            many=True,
            example=[
                {
                    "id": "centro",
                    "name": "City centre",
                    "timezone": "Europe/Madrid",
                    "address": "Calle Mayor 1, 28013 Madrid",
                    "phone": "910 000 000",
                }
            ],
        ),
    ),
    errors=(error_responses.UNAVAILABLE,),
)

OPENINGS = Operation(
    name="listOpenings",
    method="GET",
    path="/openings",
    tag=_TAG,
    summary="List the free times of a service",
    description=f"At most {MAX_OPENINGS} per page, in order. If there are more, `Link` leads to the"
    " next page. Without a catalogue, `practitioner` and `site` are null.",
    query=OpeningsQuerySchema,
    responses=(
        Response(
            description="The openings; several at the same time if several practitioners are free.",
            schema=response_schemas.OpeningSchema,
            many=True,
            example=[
                {
                    "start": "2026-12-01T09:00:00Z",
                    "end": "2026-12-01T09:30:00Z",
                    "practitioner": "ana-lopez",
                    "site": "centro",
                }
            ],
            headers=("Link",),
        ),
    ),
    errors=(error_responses.INVALID_QUERY, error_responses.NO_SERVICE),
)
