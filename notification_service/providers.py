"""What the notification service is given to work with."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from nameko.containers import WorkerContext

from clinic import config, topology
from clinic.journal import Journal
from clinic.outbox import Outbox
from clinic.providers import ClinicDatabase
from clinic.publisher import Publisher
from clinic.rpc import RpcPool
from clinic.store import BookingStore
from clinic.upcoming import Upcoming
from notification_service.delivery import Delivery
from notification_service.free_slots import FreeSlots
from notification_service.ledger import Ledger
from notification_service.reconciler import Reconciler
from notification_service.reminders import Reminders
from notification_service.settings import NotificationSettings, notification_settings
from notification_service.watermark import Watermark
from notification_service.writer import Links, Writer

_CHANNEL = "email"
#: Reminders go by e-mail as well, and have rows of their own in the ledger.
_REMINDER = "reminder"

#: Connections to the broker for asking the booking service; a letter waits for one a moment only.
_RPC_LIMIT = 4

#: What a lease is longer than the longest send: room for slow clocks and a slow database.
_MARGIN_SECONDS = 30


class EmailDelivery(ClinicDatabase):
    """Gives each message a `Delivery` by e-mail, and runs the reconciler of its ledger and the
    reminders."""

    def setup(self) -> None:
        super().setup()
        settings = notification_settings(self.container.config)
        bookings = BookingStore(self.database, Outbox(self.database))
        lease_seconds = settings.channel.longest_send_seconds + _MARGIN_SECONDS
        ledger = Ledger(self.database, _CHANNEL, lease_seconds)
        writer = self._writer(bookings, settings)
        self.delivery = Delivery(bookings, ledger, settings.channel, writer.write)
        self.reconciler = self._reconciler(ledger)
        self.reminders = Reminders(
            Upcoming(self.database),
            bookings,
            Ledger(self.database, _REMINDER, lease_seconds),
            settings.channel,
            writer.remind,
            settings.remind_before,
        )

    def start(self) -> None:
        self.reconciler.start()
        self.reminders.start()

    def stop(self) -> None:
        self.reminders.stop()
        self.reconciler.stop()
        self.rpc.close()
        super().stop()

    def get_dependency(self, worker_ctx: WorkerContext) -> Delivery:
        return replace(self.delivery)

    def _writer(self, bookings: BookingStore, own: NotificationSettings) -> Writer:
        self.rpc = RpcPool(config.settings(self.container.config).amqp_uri, _RPC_LIMIT)
        links = None
        if own.public_url and own.link_secrets:
            links = Links(own.public_url, own.link_secrets[0], bookings.access)
        return Writer(own.sender, own.zone, own.slot, links, FreeSlots(self.rpc, own.zone))

    def _reconciler(self, ledger: Ledger) -> Reconciler:
        settings = config.settings(self.container.config)
        # What waits for its next run is not lost.
        patience_seconds = max(settings.outbox_resend_seconds, *settings.email_retry.delays_seconds)
        declare = partial(topology.declare, delays_seconds=settings.retry_delays_seconds)
        return Reconciler(
            Journal(self.database),
            ledger,
            Watermark(self.database, _CHANNEL),
            Publisher(settings.amqp_uri, declare),
            patience_seconds,
        )
