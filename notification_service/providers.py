"""What the notification service is given to work with."""

from __future__ import annotations

from nameko.containers import WorkerContext

from clinic.outbox import Outbox
from clinic.providers import ClinicDatabase
from clinic.store import BookingStore
from notification_service.delivery import Delivery
from notification_service.ledger import Ledger
from notification_service.settings import notification_settings

#: What a lease is longer than the longest send: room for slow clocks and a slow database.
_MARGIN_SECONDS = 30


class EmailDelivery(ClinicDatabase):
    """Gives each entrypoint the `Delivery` by e-mail."""

    def setup(self) -> None:
        super().setup()
        settings = notification_settings(self.container.config)
        bookings = BookingStore(self.database, Outbox(self.database["bookings"]))
        lease_seconds = settings.channel.longest_send_seconds + _MARGIN_SECONDS
        ledger = Ledger(self.database, "email", lease_seconds)
        self.delivery = Delivery(bookings, ledger, settings.channel, settings.zone)

    def get_dependency(self, worker_ctx: WorkerContext) -> Delivery:
        return self.delivery
