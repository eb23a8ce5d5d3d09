"""nameko's `@rpc` for untrusted requests: none of them can end the process."""

from __future__ import annotations

import logging
import sys
from functools import partial
from typing import Any

from kombu.message import Message
from nameko.exceptions import (
    ContainerBeingKilled,
    MalformedRequest,
    MethodNotFound,
)
from nameko.rpc import Rpc, RpcConsumer

from clinic.errors import PoisonMessage, ServiceUnavailable, error_code
from clinic.messaging.headers import REQUEST_ID_HEADER
from clinic.messaging.received_message import decode_message
from clinic.nameko_extensions.queue_consumer import ExcInfo, GracefulQueueConsumer

logger = logging.getLogger(__name__)

_JSON = "application/json"
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})


class GracefulRpcConsumer(RpcConsumer):
    """Replies once to each request, even an unreadable one, and always acks it.

    RPC queues have no delivery limit and no dead-letter queue: requests that nameko leaves
    unacknowledged would be redelivered forever.
    """

    queue_consumer = GracefulQueueConsumer()

    def unregister_provider(self, provider: Any) -> None:
        """Accept a second call, like `GracefulQueueConsumer`."""
        if provider in self._unregistering_providers:
            self._unregistered_from_queue_consumer.wait()
            return
        super().unregister_provider(provider)

    def handle_message(self, _body: None, message: Message) -> None:
        if not message.properties.get("reply_to"):
            logger.warning("dropped an RPC request without reply_to")
            self.queue_consumer.ack_message(message)
            return
        try:
            _require_first_delivery(message)
            arguments = _arguments(message)
            provider = self.get_provider_for_method(message.delivery_info["routing_key"])
            provider.handle_message(arguments, message)
        except Exception as error:
            logger.warning("refused an RPC request", extra={"code": error_code(error)})
            self.handle_result(message, None, sys.exc_info())

    def get_provider_for_method(self, routing_key: str) -> GracefulRpc:
        """Raises: MethodNotFound, without the untrusted name."""
        try:
            provider: GracefulRpc = super().get_provider_for_method(routing_key)
        except MethodNotFound:
            raise MethodNotFound("no such method") from None
        return provider

    def handle_result(
        self, message: Message, result: Any, exc_info: ExcInfo | tuple[Any, ...] | None
    ) -> Any:
        # nameko replies in the content type of the request, which may be unknown.
        message.properties["content_type"] = _JSON
        try:
            return super().handle_result(message, result, exc_info)
        except Exception as error:
            # A second run might book twice, so a reply that can't be sent is dropped.
            logger.warning("could not send an RPC reply", extra={"code": error_code(error)})
            self.queue_consumer.ack_message(message)
            return result, exc_info


class GracefulRpc(Rpc):
    rpc_consumer = GracefulRpcConsumer()

    def handle_message(self, body: tuple[list[Any], dict[str, Any]], message: Message) -> None:
        """Run the method. Raises: IncorrectSignature.

        Its context contains only the request id: nameko would copy all headers and fail on those of
        an unexpected type.
        """
        args, kwargs = body
        self.check_signature(args, kwargs)
        context = {"request_id": message.headers.get(REQUEST_ID_HEADER)}
        try:
            self.container.spawn_worker(
                self,
                args,
                kwargs,
                context_data=context,
                handle_result=partial(self.handle_result, message),
            )
        except ContainerBeingKilled:
            self.rpc_consumer.requeue_message(message)


rpc = GracefulRpc.decorator


def _require_first_delivery(message: Message) -> None:
    """Raises: ServiceUnavailable.

    The previous process may have crashed because of the request, or may have executed it.
    """
    if message.delivery_info.get("redelivered"):
        raise ServiceUnavailable("the process that received this request is gone")


def _arguments(message: Message) -> tuple[list[Any], dict[str, Any]]:
    """Return `args` and `kwargs`. Raises: MalformedRequest, which never quotes the content."""
    if message.content_type != _JSON:
        raise MalformedRequest(f"content_type is not {_JSON}")
    if (message.content_encoding or "utf-8").lower() not in _UTF_8:
        raise MalformedRequest("content_encoding is not utf-8")
    try:
        body = decode_message(message)
    except PoisonMessage as error:
        raise MalformedRequest(str(error)) from None
    args, kwargs = body.get("args"), body.get("kwargs")
    if not (isinstance(args, list) and isinstance(kwargs, dict)):
        raise MalformedRequest("args is not a list, or kwargs not an object")
    return args, kwargs
