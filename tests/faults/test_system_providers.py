"""system: a provider does not know the key, or has had enough; Letta does not know its key."""

from __future__ import annotations

from pathlib import Path

from tests.faults.call import Call
from tests.faults.conftest import NewFault
from tests.faults.injected import models_fail
from tests.faults.proxies import OwnProxy
from tests.running_system import System

WRONG_KEY = "sk-let-the-wrong-one"


def test_a_provider_rejects_the_key(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("system", "provider-key-rejected", "text-to-speech answers 401 in a call")
    with Call(faulty) as call:
        call.listening()
        with models_fail(faulty, "speech", status=401):
            call.type("Repeat after me: one two three.")
            fault.breaks()
            assert "speech" in fault.named(call.ask)["sentence"].lower()
        call.answered("Repeat after me: four five six.")
        fault.cleared(call.ask)


def test_a_provider_limits_the_rate(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("system", "provider-rate-limited", "text-to-speech answers 429 in a call")
    with Call(faulty) as call:
        call.listening()
        with models_fail(faulty, "speech", status=429):
            call.type("Repeat after me: one two three.")
            fault.breaks()
            assert "429" in str(fault.named(call.ask)["evidence"])
        call.answered("Repeat after me: four five six.")
        fault.cleared(call.ask)


def test_letta_rejects_the_key(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    fault = new_fault("system", "letta-key-rejected", "another token than the one it wants")
    proxy = OwnProxy(faulty, tmp_path)
    with proxy.running(LETTA_API_KEY=WRONG_KEY):
        fault.breaks()
        told = fault.named(proxy.ask)
        assert "LETTA_API_KEY" in told["next"], told
        assert WRONG_KEY not in str(told)
    with proxy.running():
        fault.cleared(proxy.ask)
