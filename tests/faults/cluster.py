"""A RabbitMQ cluster on one machine, whose nodes can be killed and isolated."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

import psutil

from runner.backends.rabbitmq import RabbitNode
from runner.processes.managed_process import ManagedProcess, start
from tests.conftest import eventually

BOOT_SECONDS = 150
_AMQP_PORT, _DISTRIBUTION_PORT, _EPMD_PORT = 5672, 25672, 4369
#: Erlang takes a silent peer for dead after this long, give or take a quarter; 60 by default.
_NET_TICK_SECONDS = 8


class Network:
    """A network namespace for each node, and one more with the bridge between them. Needs root.

    The bridge is not among our own interfaces, because the firewall of this machine may forbid
    to forward what it does not know; Docker's does. Names and addresses are random, so that two
    runs on one machine do not meet.
    """

    def __init__(self, size: int) -> None:
        self._hub = f"rq{secrets.token_hex(3)}"
        self._subnet = _unused_subnet()
        self.addresses = [str(self._subnet[number + 2]) for number in range(size)]
        self.namespaces = [f"{self._hub}n{number}" for number in range(size)]

    def create(self) -> None:
        _ip("netns", "add", self._hub)
        self._in_hub("link", "add", "bridge", "type", "bridge")
        self._in_hub("link", "set", "bridge", "up")
        self._plug_in(self._hub, [], str(self._subnet[1]))
        for namespace, address in zip(self.namespaces, self.addresses, strict=True):
            _ip("netns", "add", namespace)
            inside = ["-n", namespace]
            _ip(*inside, "link", "set", "lo", "up")
            self._plug_in(namespace, inside, address)

    def _plug_in(self, name: str, place: list[str], address: str) -> None:
        """Lay a cable of this name from a place to the bridge."""
        peer = ["peer", "name", name, "netns", self._hub]
        _ip(*place, "link", "add", name, "type", "veth", *peer)
        self._in_hub("link", "set", name, "master", "bridge", "up")
        _ip(*place, "address", "add", f"{address}/{self._subnet.prefixlen}", "dev", name)
        _ip(*place, "link", "set", name, "up")

    def plug(self, namespace: str, *, is_in: bool) -> None:
        """Connect a namespace, or cut it off in silence: nobody is told by a FIN or a reset."""
        self._in_hub("link", "set", namespace, "up" if is_in else "down")

    def destroy(self) -> None:
        """Also what is left of it after a failure half way, with the processes that live there."""
        for namespace in self.namespaces:
            _end_inhabitants(namespace)
            _ip("netns", "delete", namespace, check=False)
        _ip("link", "delete", self._hub, check=False)
        _ip("netns", "delete", self._hub, check=False)

    def _in_hub(self, *arguments: str) -> None:
        _ip("-n", self._hub, *arguments)


class ClusterNode(RabbitNode):
    """A node in a network namespace, which finds its peers by itself when it is new."""

    erlang_flags = f"-start_epmd false -kernel net_ticktime {_NET_TICK_SECONDS}"

    def __init__(
        self, directory: Path, namespace: str, host: str, peers: list[str], secret: str
    ) -> None:
        self.namespace = namespace
        self.host = host
        self.credentials = f"clinic:{secret}"
        self._peers = peers
        self._secret = secret
        self._running: list[ManagedProcess] = []
        super().__init__(directory)

    @property
    def is_running(self) -> bool:
        return bool(self._running) and all(running.is_alive() for running in self._running)

    def start(self) -> None:
        for server in self.servers:
            self._running.append(start(server, self.directory / f"{server.name}.log"))

    def kill(self) -> None:
        """End it and its epmd as a power cut would."""
        while self._running:
            self._running.pop().kill()

    def _ports(self) -> tuple[int, int, int]:
        return _AMQP_PORT, _DISTRIBUTION_PORT, _EPMD_PORT

    def _name(self) -> str:
        return f"rabbit@{self.host}"

    def _cookie(self) -> str:
        return self._secret

    def _command(self, command: list[str]) -> list[str]:
        # Whatever ends the tests ends the nodes, too.
        dying_with_us = ["setpriv", "--pdeathsig", "KILL"]
        return [*dying_with_us, "ip", "netns", "exec", self.namespace, *command]

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {"RABBITMQ_USE_LONGNAME": "true"}

    def _configuration(self) -> str:
        # "guest" may come from the loopback only, and shall.
        lines = [
            "cluster_partition_handling = pause_minority",
            "cluster_formation.peer_discovery_backend = classic_config",
            "default_user = clinic",
            f"default_pass = {self._secret}",
        ]
        for number, peer in enumerate(self._peers, 1):
            lines.append(f"cluster_formation.classic_config.nodes.{number} = rabbit@{peer}")
        return super()._configuration() + "\n".join(lines) + "\n"


class RabbitCluster:
    """Nodes that form one cluster. Use it in a `with`: it leaves nothing behind."""

    def __init__(self, directory: Path, size: int = 3) -> None:
        self._network = Network(size)
        secret = secrets.token_hex(20)
        addresses = self._network.addresses
        self.nodes = [
            ClusterNode(directory / f"node{number}", namespace, address, addresses, secret)
            for number, (namespace, address) in enumerate(
                zip(self._network.namespaces, addresses, strict=True)
            )
        ]

    def __enter__(self) -> RabbitCluster:
        try:
            self._network.create()
            self.start_all()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for node in self.nodes:
            node.kill()
        self._network.destroy()

    @property
    def uri(self) -> str:
        """All nodes, for kombu: the first is tried first."""
        return self.uri_of(self.nodes)

    def uri_of(self, nodes: list[ClusterNode]) -> str:
        return ";".join(node.uri for node in nodes)

    def start_all(self) -> None:
        """Start what does not run, and wait until the cluster is whole.

        All at once: a node that was not the last to stop waits for the one that was.
        """
        for node in self.nodes:
            if not node.is_running:
                node.kill()  # its epmd may be what is left
                node.start()
        self.await_whole()

    def await_whole(self) -> None:
        eventually(self.is_whole, BOOT_SECONDS)

    def is_whole(self) -> bool:
        return all(node.is_ready() for node in self.nodes) and self._sees_all()

    def _sees_all(self) -> bool:
        views = [self._view_of(node) for node in self.nodes]
        return all(view == {node.name for node in self.nodes} for view in views)

    def _view_of(self, node: ClusterNode) -> set[str]:
        with contextlib.suppress(subprocess.CalledProcessError):
            status = json.loads(node.ctl("cluster_status", "--formatter", "json"))
            return set(status["running_nodes"])
        return set()

    def cut(self, node: ClusterNode) -> None:
        """Cut a node off from the other nodes and from all clients."""
        self._network.plug(node.namespace, is_in=False)

    def restore(self, node: ClusterNode) -> None:
        self._network.plug(node.namespace, is_in=True)

    def leader_of(self, queue: str) -> ClusterNode:
        """The node that a queue's leader is on, as the first node that answers sees it."""
        row = eventually(lambda: self._queue(queue))
        return next(node for node in self.nodes if node.name == row["leader"])

    def members_of(self, queue: str) -> set[str]:
        """The names of the nodes that hold a copy of a queue."""
        return set(eventually(lambda: self._queue(queue))["members"])

    def busiest(self, queue: str) -> ClusterNode:
        """The node that most consumers of a queue are connected to."""
        table = eventually(lambda: self._ask("list_consumers", "queue_name", "channel_pid"))
        pids = [line.split()[1] for line in table.splitlines() if line.split()[0] == queue]
        return max(self.nodes, key=lambda node: sum(f"{node.name}." in pid for pid in pids))

    def _queue(self, queue: str) -> dict[str, Any] | None:
        table = self._ask("list_queues", "--formatter", "json", "name", "leader", "members")
        rows = json.loads(table or "[]")
        return next((row for row in rows if row["name"] == queue and row["leader"]), None)

    def _ask(self, *command: str) -> str:
        """What the first node that answers says; nothing where none does."""
        for node in filter(ClusterNode.is_ready, self.nodes):
            with contextlib.suppress(subprocess.CalledProcessError):
                return node.ctl(*command)
        return ""


def _unused_subnet() -> ipaddress.IPv4Network:
    """Sixteen private addresses that no route of this machine covers."""
    routes = json.loads(_ip("-json", "-4", "route").stdout)
    taken = [ipaddress.IPv4Network(each["dst"]) for each in routes if each["dst"] != "default"]
    while True:
        address = f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.0/28"
        subnet = ipaddress.IPv4Network(address)
        if not any(subnet.overlaps(each) for each in taken):
            return subnet


def _ip(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


def _end_inhabitants(namespace: str) -> None:
    for pid in _ip("netns", "pids", namespace, check=False).stdout.split():
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(pid)).kill()
