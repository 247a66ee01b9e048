"""system: the proxy itself is not there; `./scripts/doctor` says what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.checkouts import of_doctor, own_checkout
from tests.faults.conftest import NewFault
from tests.faults.listeners import silent_listener
from tests.running_system import System


def test_nothing_can_start(faulty: System, new_fault: NewFault, tmp_path: Path) -> None:
    with own_checkout(faulty, tmp_path) as apart:
        ask = of_doctor(apart)

        fault = new_fault(
            "system", "env-malformed", "a start with a broken .env; asked: the doctor"
        )
        dotenv = apart.root / ".env"
        dotenv.write_text("# settings\n\nthis is no setting\n")
        with pytest.raises(AssertionError, match="line 3"):
            apart.start()
        fault.breaks()
        assert "line 3" in fault.named(ask)["sentence"]
        dotenv.unlink()
        # What waits for it begins by itself.
        fault.cleared(ask)

        fault = new_fault("system", "port-taken", "the proxy's port is held; asked: the doctor")
        apart.stop()
        with silent_listener(apart.port("PROXY_PORT")):
            with pytest.raises(AssertionError, match=f"held by pid {os.getpid()}"):
                apart.start()
            fault.breaks()
            told = fault.named(ask)
            assert f"pid {os.getpid()}" in told["sentence"] and "PROXY_PORT" in told["sentence"]
        fault.cleared(ask)
