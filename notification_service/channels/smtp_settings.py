"""The SMTP settings of `config.yaml`."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load

from clinic.config import ConfigSchema
from clinic.configuration.sender import DEFAULT_SENDER, Sender, SenderField, SenderName
from clinic.configuration.setting_fields import Flag, Host, Text, WholeNumber
from clinic.configuration.setting_text import is_loopback
from notification_service.channels.email_channel import Channel, LogChannel, SmtpChannel
from notification_service.channels.smtp_connection import Tls
from notification_service.email.outgoing_email import OutgoingEmail

#: "submissions": encrypted from the first byte (RFC 8314, section 3.3).
_IMPLICIT_TLS_PORT = 465


class TlsField(fields.Field[Tls]):
    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Tls:
        try:
            return Tls(value)
        except ValueError:
            raise ValidationError(f"must be one of {', '.join(Tls)}") from None


class SmtpSchema(ConfigSchema):
    host = Host(load_default="")
    port = WholeNumber(1, 65_535, load_default=25)
    username = Text(load_default="")
    password = Text(load_default="", load_only=True)
    tls = TlsField(load_default=None)
    starttls = Flag(load_default=None)
    sender = SenderField(load_default=Sender(DEFAULT_SENDER))
    sender_name = SenderName(load_default="")

    @post_load
    def to_channel_and_sender(
        self, data: dict[str, Any], **_kwargs: Any
    ) -> tuple[Channel[OutgoingEmail], str]:
        sender: Sender = data["sender"]
        if sender.name and data["sender_name"]:
            raise ValidationError("is already in SMTP_SENDER", "sender_name")
        data["sender_name"] = data["sender_name"] or sender.name
        data["sender"] = sender.address
        data["tls"] = _chosen_tls(data, data.pop("starttls"))
        if not data["host"]:
            return LogChannel(), sender.address
        _require_safe_password(data)
        return SmtpChannel(**data), sender.address


def _chosen_tls(smtp: dict[str, Any], starttls: bool | None) -> Tls:
    """Return SMTP_TLS if set, else what the port implies, else STARTTLS unless on loopback."""
    tls: Tls | None = smtp["tls"]
    if tls:
        return tls
    if smtp["port"] == _IMPLICIT_TLS_PORT:
        return Tls.IMPLICIT
    if starttls is None:
        starttls = not is_loopback(smtp["host"])
    return Tls.STARTTLS if starttls else Tls.NONE


def _require_safe_password(smtp: dict[str, Any]) -> None:
    if smtp["username"] and smtp["tls"] is Tls.NONE and not is_loopback(smtp["host"]):
        raise ValidationError("must not be none: the password would travel unencrypted", "tls")
