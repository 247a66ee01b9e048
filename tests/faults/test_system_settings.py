"""system: the file `.env` cannot be read, or a setting has a value that makes no sense."""

from __future__ import annotations

from pathlib import Path

from tests.faults.checkouts import own_checkout
from tests.faults.conftest import NewFault
from tests.faults.fault import of_system, until_well
from tests.faults.processes import restarting
from tests.running_system import System
from tests.system.checkout import wait_for


def test_a_line_of_env_and_a_value_are_wrong(
    faulty: System, new_fault: NewFault, tmp_path: Path
) -> None:
    with own_checkout(faulty, tmp_path) as apart:
        apart.start()
        ask = of_system(apart.proxy_url)
        until_well(ask)
        dotenv = apart.root / ".env"
        for cause, text, told in (
            ("env-malformed", "LOG_LEVEL=INFO\nTHIS IS NOT A SETTING\n", "line 2"),
            ("settings-wrong", "LOG_LEVEL=INFO\nAGENT_MAX_JOBS=many\n", "AGENT_MAX_JOBS"),
        ):
            fault = new_fault("system", cause, f".env with {text.splitlines()[1]!r}")
            dotenv.write_text(text)
            with restarting(apart, "agent"):
                wait_for("it failed", lambda: apart.status("agent")["state"] == "failed", 60)
            fault.breaks()
            assert told in str(fault.named(ask))
            # The launcher sees by itself that the file has changed.
            dotenv.unlink()
            fault.cleared(ask)
