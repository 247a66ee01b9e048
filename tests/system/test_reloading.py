"""Changed code takes over while the program runs, under a real honcho, with programs that are quick
to start: what is recorded, what is said, and that nothing is left."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.system.checkout import Checkout, lives, new_checkout, wait_for


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    with new_checkout(tmp_path) as made:
        (made.root / "agent").mkdir()
        write(made, "answer = 1\n")
        made.home.mkdir()
        yield made


def write(checkout: Checkout, code: str) -> None:
    (checkout.root / "agent" / "code.py").write_text(code)


def call(checkout: Checkout, pid: int) -> Path:
    return checkout.home / f"agent.call.{pid}"


def start(checkout: Checkout, **settings: str) -> int:
    checkout.honcho("livekit", "agent", **settings)
    checkout.wait_ready("agent")
    return checkout.program_pid("agent")


def wait_for_another(checkout: Checkout, before: int) -> int:
    def another() -> bool:
        record = checkout.record("agent")
        return bool(record["state"] == "ready" and record["program"]["pid"] != before)

    wait_for("the new code runs", another, 10)
    return checkout.program_pid("agent")


def beside(checkout: Checkout) -> list[int]:
    return [one["program"]["pid"] for one in checkout.record("agent")["beside"]]


def test_new_code_takes_over_and_a_call_is_ended_by_the_old(checkout: Checkout) -> None:
    first = start(checkout)
    old = psutil.Process(first)
    child = old.children()[0]
    call(checkout, first).touch()
    write(checkout, "answer = 22\n")
    second = wait_for_another(checkout, first)
    assert checkout.record("agent")["restarts"] == 0
    wait_for("the old one is seen off", lambda: beside(checkout) == [first])
    assert lives(old) and lives(child)

    write(checkout, "answer = 333\n")  # and again, while the call goes on
    wait_for_another(checkout, second)
    wait_for("the one between has nothing to do", lambda: beside(checkout) == [first])
    assert lives(old)
    call(checkout, first).unlink()
    wait_for("the old one is gone", lambda: not beside(checkout))
    assert not lives(old) and not lives(child)
    assert f"pid {first}, which ran the code from before, has ended (exit" in checkout.log("agent")


def test_code_that_cannot_run_is_told_and_changes_nothing(checkout: Checkout) -> None:
    first = start(checkout)
    write(checkout, "import os\n\ndef broken(:\n")
    wait_for("it is told", lambda: checkout.record("agent")["cause"] == "code-broken", 10)
    record = checkout.record("agent")
    assert (record["state"], record["program"]["pid"]) == ("ready", first)
    assert "agent/code.py line 3: SyntaxError: invalid syntax" in record["detail"]
    assert record["log"][-1] == "SyntaxError: invalid syntax"
    assert "code.py" in record["log"][0]
    wait_for("nothing is left of the try", lambda: not beside(checkout))

    write(checkout, "import no_such_module\n")
    wait_for("the next one", lambda: "no_such_module" in checkout.record("agent")["detail"], 10)
    assert "agent/code.py line 1: ModuleNotFoundError" in checkout.record("agent")["detail"]
    assert checkout.program_pid("agent") == first

    write(checkout, "answer = 22\n")
    wait_for_another(checkout, first)
    wait_for("nothing is wrong", lambda: checkout.record("agent")["cause"] == "", 5)
    assert "SyntaxError" not in checkout.record("agent")["detail"]
    assert checkout.record("agent")["log"] == []


@pytest.mark.parametrize("end", ["SIGTERM of honcho", "SIGKILL of honcho", "SIGKILL of launcher"])
def test_retired_programs_end_with_everything_else(checkout: Checkout, end: str) -> None:
    first = start(checkout)
    call(checkout, first).touch()
    write(checkout, "answer = 22\n")
    wait_for_another(checkout, first)
    wait_for("the old one is seen off", lambda: beside(checkout) == [first])
    name, _, whose = end.partition(" of ")
    record = checkout.record("agent")
    pid = record["launcher" if whose == "launcher" else "honcho"]["pid"]
    os.kill(pid, signal.Signals[name])
    checkout.assert_nothing_left()


def test_a_stop_finds_retired_programs_when_nobody_else_is_left(checkout: Checkout) -> None:
    first = start(checkout)
    call(checkout, first).touch()
    write(checkout, "answer = 22\n")
    wait_for_another(checkout, first)
    wait_for("the old one is seen off", lambda: beside(checkout) == [first])
    launcher = psutil.Process(checkout.record("agent")["launcher"]["pid"])
    guardian = next(one for one in launcher.children() if one.name() == "sh")
    guardian.kill()
    launcher.kill()
    assert checkout.command("stop").returncode == 0
    assert checkout.processes() == []


def test_a_program_that_dies_is_replaced_by_the_new_code(checkout: Checkout) -> None:
    first = start(checkout)
    write(checkout, "import pathlib, time; pathlib.Path('tried').touch(); time.sleep(600)\n")
    wait_for("it is being tried", (checkout.root / "tried").exists)
    tried = psutil.Process(beside(checkout)[0])
    write(checkout, "answer = 22\n")
    wait_for("a later change ends the try", lambda: not lives(tried))
    second = wait_for_another(checkout, first)
    os.kill(second, signal.SIGKILL)
    wait_for_another(checkout, second)
    assert checkout.record("agent")["restarts"] == 1
    wait_for("nothing beside it", lambda: not beside(checkout))


def test_it_can_be_switched_off(checkout: Checkout) -> None:
    first = start(checkout, AGENT_RELOAD="false")
    write(checkout, "answer = 22\n")
    assert checkout.command("agent").returncode == 0  # far longer than a change would take
    assert "has changed" not in checkout.log("agent")
    assert checkout.program_pid("agent") != first


@pytest.mark.parametrize("reload", ["true", "false"])
def test_a_program_that_asks_is_replaced_and_its_call_goes_on(
    checkout: Checkout, reload: str
) -> None:
    first = start(checkout, AGENT_RELOAD=reload)
    old = psutil.Process(first)
    call(checkout, first).touch()
    request_path = checkout.home / "run" / "agent.takeover-request"
    request_path.write_text(json.dumps({"pid": first + 1, "why": "it is another's request"}))
    wait_for("the request of another is taken away", lambda: not request_path.exists(), 10)
    assert checkout.program_pid("agent") == first
    request_path.write_text(json.dumps({"pid": first, "why": "it has 900 MB"}))
    wait_for_another(checkout, first)
    record = checkout.record("agent")
    assert f"pid {first} was replaced: it has 900 MB; since" in record["detail"]
    assert (record["restarts"], record["cause"]) == (0, "")
    assert f"pid {first} asks to be replaced: it has 900 MB" in checkout.log("agent")
    assert lives(old)
    call(checkout, first).unlink()
    wait_for("the old one is gone", lambda: not beside(checkout))
    assert not lives(old) and not request_path.exists()
