"""A LiveKit server that somebody else runs: no webhooks come from there.

What the page, the room and the server's API tell carries the verdicts.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.anothers.stock import AnotherCall, stock_worker
from tests.faults.call import Call
from tests.faults.fault import of_room
from tests.running_system import ROOT, System, free_ports, new_system
from tests.system.checkout import wait_for

KEY, SECRET = "devkey", "a-secret-of-more-than-thirty-two-letters"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another livekit-server, which reports to nobody."""
    folder = tmp_path_factory.mktemp("elsewhere")
    http, tcp, udp = free_ports(3)
    config = {
        "port": http,
        "bind_addresses": ["127.0.0.1"],
        "keys": {KEY: SECRET},
        "rtc": {"tcp_port": tcp, "udp_port": udp, "use_external_ip": False},
    }
    (folder / "livekit.yaml").write_text(json.dumps(config))
    binary = ROOT / ".voice" / "bin" / "livekit-server"
    with (folder / "livekit.log").open("w") as log:
        server = subprocess.Popen(
            [binary, "--config", folder / "livekit.yaml"], stdout=log, stderr=log
        )
    try:
        wait_for("the server answers", lambda: _answers(http), 10.0)
        yield f"ws://localhost:{http}"
    finally:
        server.kill()  # told to end, it waits for its rooms
        server.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def guest(elsewhere: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A whole system at that server."""
    running = new_system(
        tmp_path_factory.mktemp("guest"),
        LIVEKIT_URL=elsewhere,
        LIVEKIT_API_KEY=KEY,
        LIVEKIT_API_SECRET=SECRET,
    )
    running.start()
    try:
        yield running
    finally:
        running.stop()


def _proven(system: System, room: str) -> bool:
    """All but `play`: the caller has no page that tells what it hears."""
    verdicts = of_room(system.proxy_url, room)()["verdicts"]
    return {each["stage"] for each in verdicts if each["state"] != "ok"} == {"play"}


def test_a_call_with_our_agent(guest: System) -> None:
    with Call(guest) as call:
        call.listening()
        call.answered("my favorite color is green", spoken=True)
        wait_for("all is proven", lambda: _proven(guest, call.room), 10.0)
        assert call.ask()["failing"] is None
    wait_for("the end of the room is known", lambda: _ended(guest, call.room), 30.0)


def test_a_call_with_another_agent(guest: System, tmp_path: Path) -> None:
    with stock_worker(guest, tmp_path), AnotherCall(guest) as call:
        call.listening()
        call.answered("my favorite color is green", spoken=True)
        wait_for("all is proven", lambda: _proven(guest, call.room), 10.0)
        assert call.ask()["failing"] is None
    wait_for("the end of the room is known", lambda: _ended(guest, call.room), 30.0)


def _ended(system: System, room: str) -> bool:
    calls = httpx.get(f"{system.proxy_url}/api/calls").json()["calls"]
    return any(call["room"] == room and call["ended"] for call in calls)
