"""nameko's `@rpc`, for requests that anybody may have written: none of them ends the process."""

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
    """Answers each request once, also one that can't be read, and acknowledges it in any case.

    RPC queues have no delivery limit and no dead letters, so what nameko would leave unacknowledged
    is delivered for ever.
    """

    queue_consumer = GracefulQueueConsumer()

    def unregister_provider(self, provider: Any) -> None:
        """Bear being told twice, as `GracefulQueueConsumer` does."""
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
        """Raises: MethodNotFound, without the name: it may be any text, of any length."""
        try:
            provider: GracefulRpc = super().get_provider_for_method(routing_key)
        except MethodNotFound:
            raise MethodNotFound("no such method") from None
        return provider

    def handle_result(
        self, message: Message, result: Any, exc_info: ExcInfo | tuple[Any, ...] | None
    ) -> Any:
        # nameko answers in the format of the request, whatever that claims to be.
        message.properties["content_type"] = _JSON
        try:
            return super().handle_result(message, result, exc_info)
        except Exception as error:
            # Run again it might book again, so a reply that can't be sent is given up.
            logger.warning("could not send an RPC reply", extra={"code": error_code(error)})
            self.queue_consumer.ack_message(message)
            return result, exc_info


class GracefulRpc(Rpc):
    rpc_consumer = GracefulRpcConsumer()

    def handle_message(self, body: tuple[list[Any], dict[str, Any]], message: Message) -> None:
        """Run the method. Raises: IncorrectSignature.

        Of the headers it sees the request id only: nameko would take all of them for its own
        context, and fail on those of another type.
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

    The process that had it before may have died of it, or done what it asks for.
    """
    if message.delivery_info.get("redelivered"):
        raise ServiceUnavailable("the process that had this request is gone")


def _arguments(message: Message) -> tuple[list[Any], dict[str, Any]]:
    """Read `args` and `kwargs`. Raises: MalformedRequest, without quoting the content."""
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
