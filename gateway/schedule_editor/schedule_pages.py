"""The pages to list and edit schedules and sites."""

from __future__ import annotations

from flask import Blueprint, Response, current_app
from werkzeug.wrappers import Response as AnyResponse

from clinic.catalogue.schema.catalogue_schema import ItemKind
from clinic.catalogue.store import CatalogueStore
from clinic.domain.catalogue import DEFAULT_CLINIC
from gateway.api.catalogue_api import current_catalogue
from gateway.auth.staff_sessions import HOME
from gateway.schedule_editor.item_editor import ItemEditor
from gateway.schedule_editor.schedule_form import ScheduleForm
from gateway.schedule_editor.site_form import SiteForm
from gateway.staff_pages.staff_rendering import staff_page
from gateway.web.catalogue_view import CatalogueView
from gateway.web.rendering import page_language

schedules = Blueprint("staff_schedules", __name__, url_prefix=HOME)

_SCHEDULES = ItemEditor(ItemKind.SCHEDULE, "schedule", ScheduleForm)
_SITES = ItemEditor(ItemKind.SITE, "site", SiteForm)


@schedules.get("/schedules")
def show() -> Response:
    store: CatalogueStore = current_app.config["CATALOGUE_STORE"]
    return staff_page(
        "schedules.html",
        schedules=store.list(DEFAULT_CLINIC, ItemKind.SCHEDULE),
        sites=store.list(DEFAULT_CLINIC, ItemKind.SITE),
        shown=CatalogueView(current_catalogue(), page_language()),
    )


@schedules.get("/schedules/<schedule_id>")
def show_schedule(schedule_id: str) -> Response:
    return _SCHEDULES.show(schedule_id)


@schedules.post("/schedules/<schedule_id>")
def change_schedule(schedule_id: str) -> AnyResponse:
    return _SCHEDULES.submit(schedule_id)


@schedules.get("/sites/<site_id>")
def show_site(site_id: str) -> Response:
    return _SITES.show(site_id)


@schedules.post("/sites/<site_id>")
def change_site(site_id: str) -> AnyResponse:
    return _SITES.submit(site_id)
