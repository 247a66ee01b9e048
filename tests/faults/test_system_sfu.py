"""system: the LiveKit server is not where the proxy looks, or does not know its key."""

from __future__ import annotations

from pathlib import Path

from tests.faults.conftest import NewFault
from tests.faults.listeners import silent_listener
from tests.faults.proxies import OwnProxy
from tests.running_system import System, free_ports


def test_its_name_is_unknown(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("system", "sfu-dns", "a proxy with LIVEKIT_URL=ws://sfu.invalid:7880")
    proxy = OwnProxy(faulty, tmp_path)
    with proxy.running(LIVEKIT_URL="ws://sfu.invalid:7880"):
        fault.breaks()
        told = fault.named(proxy.ask)
        assert "sfu.invalid" in told["sentence"] and "LIVEKIT_URL" in told["next"], told
    with proxy.running():
        fault.cleared(proxy.ask)


def test_nobody_listens_there(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("system", "sfu-refused", "a proxy with a LIVEKIT_URL where nobody listens")
    proxy = OwnProxy(faulty, tmp_path)
    (port,) = free_ports(1)
    with proxy.running(LIVEKIT_URL=f"ws://localhost:{port}"):
        fault.breaks()
        assert str(port) in fault.named(proxy.ask)["sentence"]
    with proxy.running():
        fault.cleared(proxy.ask)


def test_it_never_answers(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("system", "sfu-no-answer", "LIVEKIT_URL is a listener that never answers")
    proxy = OwnProxy(faulty, tmp_path)
    with silent_listener() as port, proxy.running(LIVEKIT_URL=f"ws://localhost:{port}"):
        fault.breaks()
        assert str(port) in fault.named(proxy.ask)["sentence"]
    with proxy.running():
        fault.cleared(proxy.ask)


def test_no_credentials(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("system", "credentials-missing", "a proxy without LIVEKIT_API_KEY and SECRET")
    proxy = OwnProxy(faulty, tmp_path)
    with proxy.running(LIVEKIT_API_KEY=None, LIVEKIT_API_SECRET=None):
        fault.breaks()
        assert "LIVEKIT_API_SECRET" in fault.named(proxy.ask)["next"]
    with proxy.running():
        fault.cleared(proxy.ask)


def test_wrong_credentials(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("system", "credentials-rejected", "a proxy with another secret")
    proxy = OwnProxy(faulty, tmp_path)
    secret = "a secret that the server does not know"
    with proxy.running(LIVEKIT_API_SECRET=secret):
        fault.breaks()
        told = fault.named(proxy.ask)
        assert "LIVEKIT_API_SECRET" in told["next"], told
        assert secret not in str(told)
    with proxy.running():
        fault.cleared(proxy.ask)
