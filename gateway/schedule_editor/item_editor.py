"""Edits an item of the catalogue in two steps: a preview of whom it affects, then saving.

The preview keeps the fields of the form, with the version that the form showed. A change that
somebody else has saved meanwhile is never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from http import HTTPStatus
from zoneinfo import ZoneInfo

from flask import Response, current_app, flash, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from clinic.bookings.appointment_queries import AppointmentQueries
from clinic.catalogue.cache import CatalogueCache
from clinic.catalogue.problems import Problem, problems_in
from clinic.catalogue.schema.catalogue_schema import ItemKind, Json, dump_item, parse_item
from clinic.catalogue.store import CatalogueStore
from clinic.contracts.date_format import format_day
from clinic.domain.catalogue import DEFAULT_CLINIC
from clinic.errors import CatalogueInvalid, ServiceUnavailable, VersionMismatch
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.api.catalogue_api import current_catalogue
from gateway.auth.staff_sessions import HOME, signed_in_key_id
from gateway.http.problem_details import http_status_of
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.rpc_clients.booking_service import preview_change
from gateway.schedule_editor.form_rows import ItemInput, LocalDay
from gateway.schedule_editor.schedule_form import ScheduleForm, schedule_zone
from gateway.schedule_editor.site_form import SiteForm
from gateway.staff_pages.staff_rendering import staff_page
from gateway.web.available_slots import today
from gateway.web.catalogue_view import CatalogueView
from gateway.web.rendering import hours, page_language

#: Maximum affected appointments that the preview lists.
LIMIT = 200


@dataclass(frozen=True, slots=True)
class _Draft:
    """A form, and the stored item that it is about to change; `today` is in the form's zone."""

    item_id: str
    stored: Json
    version: int
    today: LocalDay
    form: ScheduleForm | SiteForm

    def read(self) -> ItemInput:
        return self.form.read(self.stored, self.today)


@dataclass(frozen=True, slots=True)
class ItemEditor:
    """`name` is that of the template and of the RPC method."""

    kind: ItemKind
    name: str
    form: type[ScheduleForm | SiteForm]

    def show(self, item_id: str) -> Response:
        """Raises: CatalogueItemNotFound, DatabaseUnavailable."""
        return self._page(self._stored(item_id))

    def submit(self, item_id: str) -> AnyResponse:
        """Do the step that the form asks for: preview, save, or edit again.

        Raises: CatalogueItemNotFound, CatalogueContested, DatabaseUnavailable.
        """
        deadline, draft = rpc_deadline(), self._stored(item_id)
        if request.form.get("version") != str(draft.version):
            return self._page(draft, HTTPStatus.PRECONDITION_FAILED, error_key="item_changed")
        draft = replace(draft, form=self.form.of_submitted(request.form))
        step = request.form.get("step")
        if step == "edit":
            return self._page(draft)
        item, problems = parse_item(self.kind, draft.read().item)
        if item is None:
            return self._page(draft, HTTPStatus.BAD_REQUEST, problems=problems)
        changed = dump_item(self.kind, item)
        return (
            self._save(draft, changed)
            if step == "save"
            else self._preview(draft, changed, deadline)
        )

    def _preview(self, draft: _Draft, item: Json, deadline: float) -> Response:
        try:
            affected = preview_change(self.name, item, deadline)
        except ServiceUnavailable as error:
            return self._page(draft, http_status_of(error), error_key="preview_away")
        found = _agenda().of_ids([each["id"] for each in affected[:LIMIT]])
        sent = request.form.items()
        return staff_page(
            "change_preview.html",
            address=self._address(draft.item_id),
            title=self._title(item),
            fields={name: value for name, value in sent if name not in ("csrf_token", "step")},
            appointments=found.appointments,
            count=len(affected),
            limit=LIMIT if len(affected) > LIMIT else None,
            shown=CatalogueView(current_catalogue(), page_language()),
        )

    def _save(self, draft: _Draft, item: Json) -> AnyResponse:
        try:
            _, version = _store().put(DEFAULT_CLINIC, self.kind, draft.item_id, item, draft.version)
        except VersionMismatch as error:
            stored = self._stored(draft.item_id)
            return self._page(stored, http_status_of(error), error_key="item_changed")
        except CatalogueInvalid as error:
            return self._page(draft, http_status_of(error), problems=problems_in(error))
        if version != draft.version:
            self._note(draft.item_id)
        flash("item_saved")
        return redirect(self._address(draft.item_id), 303)

    def _note(self, item_id: str) -> None:
        """Log the change, and let this process read the catalogue again."""
        log_security_event(
            SecurityEvent.CATALOGUE_ITEM_STORED,
            key_id=signed_in_key_id(),
            item=f"{self.kind.value}/{item_id}",
        )
        catalogues: CatalogueCache = current_app.config["CATALOGUES"]
        catalogues.forget()

    def _stored(self, item_id: str) -> _Draft:
        """Return the form of the item as it is stored."""
        item, version = _store().get(DEFAULT_CLINIC, self.kind, item_id)
        zone = self._zone(item)
        local = LocalDay(today(zone), zone)
        return _Draft(item_id, item, version, local, self.form.of_item(item, local))

    def _page(
        self,
        draft: _Draft,
        status: HTTPStatus = HTTPStatus.OK,
        *,
        problems: Iterable[Problem] = (),
        error_key: str = "",
    ) -> Response:
        field_errors, other_problems = draft.read().errors(problems)
        return staff_page(
            f"{self.name}.html",
            int(status),
            zone=draft.today.zone,
            address=self._address(draft.item_id),
            title=self._title(draft.stored),
            version=draft.version,
            form=draft.form,
            field_errors=field_errors,
            problems=other_problems,
            error_key=error_key,
            today=draft.today.date,
            day_text=_day_text,
            sites={each["id"]: each["names"][page_language()] for each in _items(ItemKind.SITE)},
        )

    def _title(self, item: Json) -> str:
        return str(item["name"] if "name" in item else item["names"][page_language()])

    def _zone(self, item: Json) -> ZoneInfo:
        """Return the zone of the times in the form."""
        if "zone" in item:
            return ZoneInfo(item["zone"])
        sites = {each["id"]: ZoneInfo(each["zone"]) for each in _items(ItemKind.SITE)}
        return schedule_zone(item, sites) or hours().zone

    def _address(self, item_id: str) -> str:
        return f"{HOME}/{self.kind.value}/{item_id}"


def _day_text(text: str) -> str:
    """Return the day in words; what is no day, as it was typed."""
    try:
        return format_day(date.fromisoformat(text), page_language())
    except ValueError:
        return text


def _items(kind: ItemKind) -> list[Json]:
    return _store().list(DEFAULT_CLINIC, kind)


def _store() -> CatalogueStore:
    store: CatalogueStore = current_app.config["CATALOGUE_STORE"]
    return store


def _agenda() -> AppointmentQueries:
    queries: AppointmentQueries = current_app.config["BOOKINGS"].agenda
    return queries
