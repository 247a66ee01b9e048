"""The line of one caller to the SFU: how it loses packets, is slow, or is cut for a while.

A program of the caller's runs in a group of its own, by which its connections are told from those
of the agent, who is on the same loopback. Needs root, as the network does.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.network import Network
from tests.running_system import ROOT, System, free_ports
from tests.system.page.browser import chromium_path

GROUP = "7777"
MARK = "0x77"
TABLES = ("iptables", "ip6tables")
SFU_PORTS = (
    ("tcp", "LIVEKIT_PORT"),
    ("tcp", "LIVEKIT_TCP_PORT"),
    ("udp", "LIVEKIT_UDP_PORT"),
)


class Line:
    """Everything between the caller's programs and the SFU; nothing else is touched."""

    def __init__(self, network: Network, relay: subprocess.Popen[str]) -> None:
        self._network = network
        self._relay = relay

    def chromium(self, folder: Path) -> Path:
        """A program that starts Chromium as the caller."""
        script = folder / "chromium-of-the-caller"
        group = f"setpriv --regid {GROUP} --clear-groups"
        prefix = " ".join(self._network.prefix)
        script.write_text(f'#!/bin/sh\nexec {prefix} {group} {chromium_path()} "$@"\n')
        script.chmod(0o700)
        return script

    @contextmanager
    def losing(self, part: float) -> Iterator[None]:
        """This part of all packets is lost, each way."""
        rule = ("-m", "statistic", "--mode", "random", "--probability", str(part))
        with self._dropping(*rule):
            yield

    @contextmanager
    def cut(self) -> Iterator[None]:
        """No packet arrives, in either direction."""
        with self._dropping():
            yield

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Each packet of sound takes so much longer, each way."""
        self._delay(seconds)
        try:
            yield
        finally:
            self._delay(0)

    @contextmanager
    def _dropping(self, *which: str) -> Iterator[None]:
        # On arrival: a program whose own packet is refused on its way out would know of it.
        rule = ("INPUT", "-m", "connmark", "--mark", MARK, *which, "-j", "DROP")
        for tables in TABLES:
            self._network.run(tables, "-I", *rule)
        try:
            yield
        finally:
            for tables in TABLES:
                self._network.run(tables, "-D", *rule)

    def _delay(self, seconds: float) -> None:
        assert self._relay.stdin is not None
        self._relay.stdin.write(f"{seconds}\n")
        self._relay.stdin.flush()


@contextmanager
def new_line(network: Network, system: System) -> Iterator[Line]:
    """The caller's line to the SFU of a system in that network, as good as it gets."""
    of_caller = ("-m", "owner", "--gid-owner", GROUP)
    for protocol, setting in SFU_PORTS:
        to_sfu = ("-p", protocol, "--dport", str(system.port(setting)), *of_caller)
        for tables in TABLES:
            rule = ("OUTPUT", *to_sfu, "-j", "CONNMARK", "--set-mark", MARK)
            network.run(tables, "-t", "mangle", "-A", *rule)
    sound = system.port("LIVEKIT_UDP_PORT")
    # Else the SFU would open a way of its own to the caller, past the relay.
    by_sfu = ("OUTPUT", "-p", "udp", "--sport", str(sound), "-m", "conntrack", "--ctstate", "NEW")
    network.run("iptables", "-A", *by_sfu, "-j", "DROP")
    (port,) = free_ports(1)
    to_sound = ("OUTPUT", "-p", "udp", "--dport", str(sound), *of_caller)
    to_relay = ("-j", "REDIRECT", "--to-ports", str(port))
    network.run("iptables", "-t", "nat", "-A", *to_sound, *to_relay)
    module = "tests.faults.survival.slow_relay"
    with subprocess.Popen(
        [*network.prefix, sys.executable, "-m", module, str(port), str(sound)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        text=True,
    ) as relay:
        yield Line(network, relay)
        assert relay.stdin is not None
        relay.stdin.close()
        assert relay.wait(timeout=10) == 0
