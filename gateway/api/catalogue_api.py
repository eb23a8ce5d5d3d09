"""`GET /services`, `GET /practitioners` and `GET /sites`: what can be booked."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from clinic.catalogue.cache import CatalogueCache
from clinic.domain.catalogue import Catalogue, ScheduleKind, Site
from gateway.http.requests import language
from gateway.http.responses import json_response

catalogue = Blueprint("catalogue", __name__)


def current_catalogue() -> Catalogue:
    """Raises: DatabaseUnavailable."""
    catalogues: CatalogueCache = current_app.config["CATALOGUES"]
    return catalogues.get()


@catalogue.get("/services")
def services() -> Response:
    """List the services that can be booked; none without a catalogue."""
    found = current_catalogue()
    return json_response(
        [
            {
                "id": service.id,
                "name": service.names[language()],
                "minutes": service.minutes,
                "default": service.is_default,
            }
            for service in found.services.values()
            if service.is_active and found.is_configured
        ]
    )


@catalogue.get("/practitioners")
def practitioners() -> Response:
    """List the practitioners, with the services that they do and the sites where they work."""
    found = current_catalogue()
    return json_response(
        [
            {
                "id": schedule.id,
                "name": schedule.name,
                "services": sorted(schedule.services),
                "sites": sorted({hours.site for hours in schedule.hours}),
            }
            for schedule in found.schedules.values()
            if schedule.is_active and schedule.kind is ScheduleKind.PRACTITIONER
        ]
    )


@catalogue.get("/sites")
def sites() -> Response:
    found = current_catalogue()
    return json_response([_site(site) for site in found.sites.values() if found.is_configured])


def _site(site: Site) -> dict[str, Any]:
    return {
        "id": site.id,
        "name": site.names[language()],
        "timezone": site.zone.key,
        "address": site.address,
        "phone": site.phone,
    }
