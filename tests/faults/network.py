"""A network of its own for a system and a browser, with a firewall that a test sets.

Needs root: network namespaces and iptables. Nothing of the machine's own network is touched, and
the namespace is gone with its last process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.page.browser import chromium_path

OPENING = (
    "ip link set lo up",
    # Browsers look for no path at all on a machine that has only its loopback.
    "ip link add outward type veth peer name nowhere",
    "ip address add 10.77.0.1/24 dev outward",
    "ip link set outward up",
    "ip link set nowhere up",
    "ip route add default via 10.77.0.2",
)


class Network:
    """Runs programs in the namespace that the process `pid` holds open."""

    def __init__(self, pid: int) -> None:
        self.prefix = ("nsenter", f"--net=/proc/{pid}/ns/net", "--")

    @contextmanager
    def closed(self, *ports: tuple[str, int]) -> Iterator[None]:
        """Packets to these ports, such as ("udp", 7882), are lost on their way."""
        done: list[tuple[str, ...]] = []
        try:
            for protocol, port in ports:
                for tables in ("iptables", "ip6tables"):
                    rule = ("OUTPUT", "-p", protocol, "--dport", str(port), "-j", "DROP")
                    self.run(tables, "-I", *rule)
                    done.append((tables, "-D", *rule))
            yield
        finally:
            for undo in done:
                self.run(*undo)

    def chromium(self, folder: Path) -> Path:
        """A program that starts Chromium in this network."""
        script = folder / "chromium-in-network"
        script.write_text(f'#!/bin/sh\nexec {" ".join(self.prefix)} {chromium_path()} "$@"\n')
        script.chmod(0o700)
        return script

    def ask(self, url: str) -> dict[str, Any]:
        """The JSON of an address that only programs in this network can reach."""
        asking = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5)"
        command = [*self.prefix, sys.executable, "-S", "-c", f"{asking}.read().decode())", url]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-300:]
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def run(self, *command: str) -> None:
        """Run a program in this network to its end."""
        done = subprocess.run([*self.prefix, *command], capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


@contextmanager
def new_network() -> Iterator[Network]:
    """A namespace that leads nowhere; skips, loudly, where that is not permitted."""
    if os.geteuid() != 0:
        pytest.skip("CLOSED PORTS ARE NOT TESTED: network namespaces need root")
    for program in ("unshare", "nsenter", "ip", "iptables", "ip6tables"):
        assert shutil.which(program), f"{program} is missing (./scripts/test installs it as root)"
    opening = " && ".join((*OPENING, "echo open", "exec sleep infinity"))
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", opening],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None and holder.stderr is not None
        try:
            if holder.stdout.readline() != "open\n":
                holder.kill()
                pytest.skip(f"CLOSED PORTS ARE NOT TESTED: {holder.stderr.read()}")
            yield Network(holder.pid)
        finally:
            holder.kill()
