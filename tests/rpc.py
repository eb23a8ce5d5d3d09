"""A booking service for tests with another subject."""

from clinic.rpc.rpc_client import RpcPool

#: Its broker is nowhere.
NO_SERVICE = RpcPool("amqp://guest:guest@127.0.0.1:1/")
