"""What the notification service is given to work with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

from nameko.containers import WorkerContext

from clinic import config, topology
from clinic.journal import Journal
from clinic.outbox import Outbox
from clinic.providers import ClinicDatabase
from clinic.publisher import Publisher
from clinic.retry import RetryPolicy
from clinic.rpc import RpcPool
from clinic.store import BookingStore
from clinic.topology import EMAIL, WEBHOOK, WorkQueue
from clinic.upcoming import Upcoming
from notification_service.channels import Channel, Envelope
from notification_service.delivery import Delivery
from notification_service.desk import Desk
from notification_service.email_quota import EmailQuota, limited_address
from notification_service.free_slots import FreeSlots
from notification_service.ledger import ChannelName, Ledger
from notification_service.notification import Notifications
from notification_service.reconciler import GIVE_UP_AFTER, Reconciler
from notification_service.reminders import Reminders
from notification_service.retirement import Retirement
from notification_service.settings import notification_settings
from notification_service.watermark import Watermark
from notification_service.webhook import WebhookChannel, as_in_history
from notification_service.writer import Links, Writer

#: Connections to the broker for asking the booking service; a letter waits for one a moment only.
_RPC_LIMIT = 4

#: What a lease is longer than the longest send: room for slow clocks and a slow database.
_MARGIN_SECONDS = 30


class Background(Protocol):
    """What a provider runs beside the messages."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class ChannelDelivery(ClinicDatabase):
    """Gives each message a `Delivery` over one channel, and looks after that channel."""

    delivery: Delivery[Any]
    background: tuple[Background, ...]

    def setup(self) -> None:
        super().setup()
        self.settings = config.settings(self.container.config)
        self.own = notification_settings(self.container.config)
        self.bookings = BookingStore(self.database, Outbox(self.database))

    def start(self) -> None:
        for each in self.background:
            each.start()

    def stop(self) -> None:
        for each in reversed(self.background):
            each.stop()
        super().stop()

    def get_dependency(self, worker_ctx: WorkerContext) -> Delivery[Any]:
        return replace(self.delivery)

    def _ledger(
        self, name: ChannelName, channel: Channel[Any], quota: EmailQuota | None = None
    ) -> Ledger:
        return Ledger(self.database, name, channel.longest_send_seconds + _MARGIN_SECONDS, quota)

    def _reconciler(
        self, ledger: Ledger, work: WorkQueue, policy: RetryPolicy, reach: timedelta
    ) -> Reconciler:
        # What waits for its next run is not lost.
        patience_seconds = max(self.settings.outbox_resend_seconds, *policy.delays_seconds)
        return Reconciler(
            Journal(self.database),
            ledger,
            Watermark(self.database, ledger.channel),
            Publisher(self.settings.amqp_uri, topology.declarer(self.settings)),
            work.name,
            patience_seconds,
            reach,
        )


class EmailDelivery(ChannelDelivery):
    def setup(self) -> None:
        super().setup()
        limit = self.own.max_emails_per_address
        quota = EmailQuota(self.database, limit) if limit else None
        ledger = self._ledger(ChannelName.EMAIL, self.own.channel, quota)
        writer = self._writer()
        self.delivery = Delivery(
            self.bookings,
            ledger,
            self.own.channel,
            writer.write,
            Envelope.again,
            limited=limited_address,
        )
        policy = self.settings.email_retry
        self.background = (
            self._reconciler(ledger, EMAIL, policy, reach=GIVE_UP_AFTER),
            self._reminders(writer),
        )

    def stop(self) -> None:
        super().stop()
        self.rpc.close()

    def _writer(self) -> Writer:
        self.rpc = RpcPool(self.settings.amqp_uri, limit=_RPC_LIMIT)
        own = self.own
        links = None
        if own.public_url and own.link_secrets:
            links = Links(own.public_url, own.link_secrets[0], self.bookings.access)
        return Writer(own.sender, own.zone, own.slot, links, FreeSlots(self.rpc, own.zone))

    def _reminders(self, writer: Writer) -> Reminders:
        return Reminders(
            Upcoming(self.database),
            self.bookings,
            self._ledger(ChannelName.REMINDER, self.own.channel),
            self.own.channel,
            writer.remind,
            self.own.remind_before,
        )


class WebhookDelivery(ChannelDelivery):
    """Without a `WEBHOOK_URL`, it only sees to it that nothing waits for one."""

    def setup(self) -> None:
        super().setup()
        if self.own.webhook:
            self._open(self.own.webhook)
        else:
            publisher = Publisher(self.settings.amqp_uri, topology.unbind_webhook)
            watermark = Watermark(self.database, ChannelName.WEBHOOK)
            self.background = (Retirement(publisher, watermark),)

    def _open(self, channel: WebhookChannel) -> None:
        ledger = self._ledger(ChannelName.WEBHOOK, channel)
        self.delivery = Delivery(
            self.bookings, ledger, channel, as_in_history, tells_every_step=True
        )
        policy = self.settings.webhook_retry
        # Steps of the time before it was switched on are not told.
        self.background = (self._reconciler(ledger, WEBHOOK, policy, reach=timedelta(0)),)


class StaffDesk(ClinicDatabase):
    """Gives each entrypoint the `Desk`."""

    def setup(self) -> None:
        super().setup()
        settings = config.settings(self.container.config)
        self.desk = Desk(
            BookingStore(self.database, Outbox(self.database)),
            Notifications(self.database),
            Publisher(settings.amqp_uri, topology.declarer(settings)),
            settings.has_webhook,
        )

    def get_dependency(self, worker_ctx: WorkerContext) -> Desk:
        return self.desk
