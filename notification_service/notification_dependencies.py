"""The dependency providers of the notification service."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

from nameko.containers import WorkerContext

from clinic import config
from clinic.bookings.change_feed import ChangeFeed
from clinic.bookings.confirmed_appointments import UpcomingAppointments
from clinic.bookings.reader import BookingReader
from clinic.catalogue.cache import CatalogueCache
from clinic.catalogue.store import CatalogueStore
from clinic.domain.retry_policy import RetryPolicy
from clinic.messaging import topology
from clinic.messaging.publisher import Publisher
from clinic.messaging.topology import EMAIL, WEBHOOK, WorkQueue
from clinic.nameko_extensions.dependency_providers import DatabaseProvider
from clinic.rpc.rpc_client import RpcPool
from notification_service.channels.email_channel import Channel
from notification_service.channels.teardown import ChannelTeardown
from notification_service.channels.webhook import WebhookChannel, as_in_history
from notification_service.delivery import Delivery
from notification_service.delivery_log import ChannelName, DeliveryLog
from notification_service.delivery_status import Notifications
from notification_service.email.alternative_slots import AlternativeSlots
from notification_service.email.composer import EmailComposer, Links
from notification_service.email.email_quota import EmailQuota, limited_address
from notification_service.email.outgoing_email import OutgoingEmail
from notification_service.notification_admin import NotificationAdmin
from notification_service.reconciliation.reconciler import GIVE_UP_AFTER, Reconciler
from notification_service.reconciliation.watermark import Watermark
from notification_service.reminders.reminders import Reminders
from notification_service.settings import notification_settings

#: Connections for RPC calls to the booking service. An e-mail waits only briefly for one.
_RPC_LIMIT = 4

#: How much a lease exceeds the longest send, to allow for clock skew and a slow database.
_MARGIN_SECONDS = 30


class BackgroundTask(Protocol):
    """A background task of a provider."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class DeliveryProvider(DatabaseProvider):
    """Injects a new `Delivery` for each message of one channel."""

    delivery: Delivery[Any]
    background: tuple[BackgroundTask, ...]

    def setup(self) -> None:
        super().setup()
        self.settings = config.settings(self.container.config)
        self.own = notification_settings(self.container.config)
        self.bookings = BookingReader(self.database)

    def start(self) -> None:
        for task in self.background:
            task.start()

    def stop(self) -> None:
        for task in reversed(self.background):
            task.stop()
        super().stop()

    def get_dependency(self, worker_ctx: WorkerContext) -> Delivery[Any]:
        return replace(self.delivery)

    def _delivery_log(
        self, name: ChannelName, channel: Channel[Any], quota: EmailQuota | None = None
    ) -> DeliveryLog:
        return DeliveryLog(
            self.database, name, channel.longest_send_seconds + _MARGIN_SECONDS, quota
        )

    def _reconciler(
        self, delivery_log: DeliveryLog, work: WorkQueue, policy: RetryPolicy, look_back: timedelta
    ) -> Reconciler:
        # An event that waits for its next attempt is not lost.
        settle_delay_seconds = max(self.settings.outbox.republish_seconds, *policy.delays_seconds)
        return Reconciler(
            ChangeFeed(self.database),
            delivery_log,
            Watermark(self.database, delivery_log.channel),
            Publisher(self.settings.amqp_uri, topology.declarer(self.settings)),
            work.name,
            settle_delay_seconds,
            look_back,
        )


class EmailDeliveryProvider(DeliveryProvider):
    def setup(self) -> None:
        super().setup()
        limit = self.own.max_emails_per_address
        quota = EmailQuota(self.database, limit) if limit else None
        delivery_log = self._delivery_log(ChannelName.EMAIL, self.own.channel, quota)
        composer = self._composer()
        self.delivery = Delivery(
            self.bookings,
            delivery_log,
            self.own.channel,
            composer.compose,
            OutgoingEmail.for_resend,
            limited=limited_address,
        )
        policy = self.settings.email_retry
        self.background = (
            self._reconciler(delivery_log, EMAIL, policy, look_back=GIVE_UP_AFTER),
            self._reminders(composer),
        )

    def stop(self) -> None:
        super().stop()
        self.rpc.close()

    def _composer(self) -> EmailComposer:
        self.rpc = RpcPool(self.settings.amqp_uri, limit=_RPC_LIMIT)
        own = self.own
        links = None
        if own.link_secrets:
            links = Links(own.public_url, own.link_secrets[0], self.bookings.access)
        return EmailComposer(
            own.sender,
            own.zone,
            own.slot,
            links,
            AlternativeSlots(self.rpc),
            self._catalogues().get,
        )

    def _catalogues(self) -> CatalogueCache:
        own = self.own.catalogue
        store = CatalogueStore(self.database, own.default.horizon)
        return CatalogueCache(store.load, own.default, own.refresh_seconds, store.version)

    def _reminders(self, composer: EmailComposer) -> Reminders:
        return Reminders(
            UpcomingAppointments(self.database),
            self.bookings,
            self._delivery_log(ChannelName.REMINDER, self.own.channel),
            self.own.channel,
            composer.compose_reminder,
            self.own.remind_before,
        )


class WebhookDeliveryProvider(DeliveryProvider):
    """Without a `WEBHOOK_URL`, only tears the channel down."""

    def setup(self) -> None:
        super().setup()
        if self.own.webhook:
            self._open(self.own.webhook)
        else:
            publisher = Publisher(self.settings.amqp_uri, topology.unbind_webhook)
            watermark = Watermark(self.database, ChannelName.WEBHOOK)
            self.background = (ChannelTeardown(publisher, watermark),)

    def _open(self, channel: WebhookChannel) -> None:
        delivery_log = self._delivery_log(ChannelName.WEBHOOK, channel)
        self.delivery = Delivery(
            self.bookings, delivery_log, channel, as_in_history, skip_superseded=False
        )
        policy = self.settings.webhook_retry
        # look_back=0: events from before the webhook was enabled are not sent.
        self.background = (self._reconciler(delivery_log, WEBHOOK, policy, look_back=timedelta(0)),)


class NotificationAdminProvider(DatabaseProvider):
    """Injects the `NotificationAdmin`."""

    def setup(self) -> None:
        super().setup()
        settings = config.settings(self.container.config)
        self.admin = NotificationAdmin(
            BookingReader(self.database),
            Notifications(self.database),
            Publisher(settings.amqp_uri, topology.declarer(settings)),
            settings.has_webhook,
        )

    def get_dependency(self, worker_ctx: WorkerContext) -> NotificationAdmin:
        return self.admin
