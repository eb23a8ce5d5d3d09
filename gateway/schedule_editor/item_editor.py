"""Edits an item of the catalogue in two steps: a preview of whom it affects, then saving.

The preview keeps the item as JSON in a hidden field, with the version that the form showed. A
change that somebody else has saved meanwhile is never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, current_app, flash, redirect, request
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from clinic.bookings.appointment_queries import AppointmentQueries
from clinic.catalogue.cache import CatalogueCache
from clinic.catalogue.problems import Problem, problems_in
from clinic.catalogue.schema.catalogue_schema import ItemKind, Json, dump_item, parse_item
from clinic.catalogue.store import CatalogueStore
from clinic.contracts import strict_json
from clinic.contracts.date_format import format_day
from clinic.domain.catalogue import DEFAULT_CLINIC
from clinic.errors import CatalogueInvalid, ServiceUnavailable, VersionMismatch
from clinic.rpc.rpc_client import deadline as rpc_deadline
from gateway.api.catalogue_api import current_catalogue
from gateway.auth.staff_sessions import HOME, signed_in_key_id
from gateway.http.problem_details import http_status_of
from gateway.http.security_log import SecurityEvent, log_security_event
from gateway.rpc_clients.booking_service import preview_change
from gateway.schedule_editor.form_rows import ItemInput
from gateway.schedule_editor.schedule_form import ScheduleForm, schedule_zone
from gateway.schedule_editor.site_form import SiteForm
from gateway.staff_pages.staff_rendering import staff_page
from gateway.web.available_slots import today
from gateway.web.catalogue_view import CatalogueView
from gateway.web.rendering import hours, page_language

#: Maximum affected appointments that the preview lists.
LIMIT = 200


@dataclass(frozen=True, slots=True)
class ItemEditor:
    """`name` is that of the template and of the RPC method."""

    kind: ItemKind
    name: str
    form: type[ScheduleForm | SiteForm]

    def show(self, item_id: str) -> Response:
        """Raises: CatalogueItemNotFound, DatabaseUnavailable."""
        return self._current(item_id)

    def submit(self, item_id: str) -> AnyResponse:
        """Do the step that the form asks for: preview, save, or edit again.

        Raises: CatalogueItemNotFound, CatalogueContested, DatabaseUnavailable.
        """
        step = request.form.get("step")
        if step not in ("save", "edit"):
            return self._preview(item_id)
        item = self._previewed()
        return self._save(item_id, item) if step == "save" else self._page(item_id, item)

    def _preview(self, item_id: str) -> Response:
        deadline, (stored, version) = rpc_deadline(), self._get(item_id)
        if request.form.get("version") != str(version):
            return self._current(item_id, 412, error_key="item_changed")
        zone = self._zone(stored)
        form = self.form.of_submitted(request.form)
        given = form.read(stored, zone)
        item, problems = parse_item(self.kind, given.item)
        if item is None:
            return self._page(item_id, stored, 400, form=form, given=given, problems=problems)
        changed = dump_item(self.kind, item)
        try:
            affected = preview_change(self.name, changed, deadline)
        except ServiceUnavailable as error:
            status = http_status_of(error)
            return self._page(item_id, stored, status, form=form, error_key="preview_away")
        return self._affected(item_id, changed, affected)

    def _affected(self, item_id: str, item: Json, affected: list[dict[str, Any]]) -> Response:
        found = _agenda().of_ids([each["id"] for each in affected[:LIMIT]])
        return staff_page(
            "change_preview.html",
            address=self._address(item_id),
            title=self._title(item),
            item=strict_json.dumps(item).decode(),
            version=request.form["version"],
            appointments=found.appointments,
            count=len(affected),
            limit=LIMIT if len(affected) > LIMIT else None,
            shown=CatalogueView(current_catalogue(), page_language()),
        )

    def _save(self, item_id: str, item: Json) -> AnyResponse:
        version = request.form.get("version", type=int)
        try:
            _, saved = _store().put(DEFAULT_CLINIC, self.kind, item_id, item, version)
        except VersionMismatch as error:
            return self._current(item_id, http_status_of(error), error_key="item_changed")
        except CatalogueInvalid as error:
            return self._page(item_id, item, 400, problems=problems_in(error))
        if saved != version:
            self._note(item_id)
        flash("item_saved")
        return redirect(self._address(item_id), 303)

    def _note(self, item_id: str) -> None:
        """Log the change, and let this process read the catalogue again."""
        log_security_event(
            SecurityEvent.CATALOGUE_ITEM_STORED,
            key_id=signed_in_key_id(),
            item=f"{self.kind.value}/{item_id}",
        )
        catalogues: CatalogueCache = current_app.config["CATALOGUES"]
        catalogues.forget()

    def _previewed(self) -> Json:
        """Return the item of the preview. Raises: BadRequest."""
        try:
            item, _ = parse_item(
                self.kind, strict_json.loads(request.form.get("item", "").encode())
            )
        except strict_json.InvalidJson:
            item = None
        if item is None:
            raise BadRequest
        return dump_item(self.kind, item)

    def _current(self, item_id: str, status: int = 200, *, error_key: str = "") -> Response:
        """Show the item as it is stored."""
        item, version = self._get(item_id)
        return self._page(item_id, item, status, version=version, error_key=error_key)

    def _page(
        self,
        item_id: str,
        item: Json,
        status: int = 200,
        *,
        version: int | None = None,
        form: ScheduleForm | SiteForm | None = None,
        given: ItemInput | None = None,
        problems: Iterable[Problem] = (),
        error_key: str = "",
    ) -> Response:
        """Show the form: with its input, or with the values of the item."""
        zone = self._zone(item)
        form = form or self.form.of_item(item, zone)
        field_errors, other_problems = (given or form.read(item, zone)).errors(problems)
        return staff_page(
            f"{self.name}.html",
            int(status),
            zone=zone,
            address=self._address(item_id),
            title=self._title(item),
            item=item,
            version=request.form.get("version") if version is None else version,
            form=form,
            field_errors=field_errors,
            problems=other_problems,
            error_key=error_key,
            today=today(zone),
            day_text=_day_text,
            shown=CatalogueView(current_catalogue(), page_language()),
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

    def _get(self, item_id: str) -> tuple[Json, int]:
        return _store().get(DEFAULT_CLINIC, self.kind, item_id)

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
