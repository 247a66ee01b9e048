"""./restart_voice_system.sh with real honcho, launchers and livekit-server, and quick programs."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.checkout import NAMES, Checkout, new_checkout, wait_for


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    with new_checkout(tmp_path) as made:
        yield made


def test_everything_starts_is_kept_or_restarted_and_stops(checkout: Checkout) -> None:
    first = checkout.command(cwd=Path("/"))  # from another folder
    assert first.returncode == 0, first.stdout
    for name in NAMES:
        assert re.search(rf"^{name} +ready after \d+\.\d s", first.stdout, re.MULTILINE)
    page = f"http://localhost:{checkout.exported['PROXY_PORT']}/debug"
    assert page in first.stdout
    before = {name: checkout.program_pid(name) for name in NAMES}
    honcho = checkout.record("proxy")["honcho"]

    again = checkout.command(STANDIN_NEW="exported later")
    assert again.returncode == 0, again.stdout
    after = {name: checkout.program_pid(name) for name in NAMES}
    assert {name for name in NAMES if before[name] == after[name]} == {"letta"}
    assert checkout.record("proxy")["honcho"] == honcho
    assert checkout.seen_environ("proxy")["STANDIN_NEW"] == "exported later"
    assert not (checkout.home / "run" / "hand-over.json").exists()

    (checkout.root / ".env").write_text("LETTA_SOMETHING=changed\n")
    changed = checkout.command()
    assert changed.returncode == 0, changed.stdout
    assert checkout.program_pid("letta") != after["letta"]
    assert checkout.seen_environ("letta")["LETTA_SOMETHING"] == "changed"
    # What a restart exported belongs to that restart alone.
    assert "STANDIN_NEW" not in checkout.seen_environ("proxy")

    before = {name: checkout.program_pid(name) for name in NAMES}
    assert checkout.command("letta").returncode == 0
    after = {name: checkout.program_pid(name) for name in NAMES}
    assert {name for name in NAMES if before[name] != after[name]} == {"letta"}

    status = checkout.command("status")
    assert status.returncode == 0
    assert len(re.findall(r"^\w+ +ready ", status.stdout, re.MULTILINE)) == len(NAMES)
    assert "proxy listens" in checkout.command("logs", "proxy").stdout

    stopped = checkout.command("stop")
    assert stopped.returncode == 0
    # At once: `stop` has waited for the end.
    assert checkout.processes() == []
    checkout.assert_nothing_left()
    assert checkout.command("status").returncode == 1
    assert "nothing was running" in checkout.command("stop").stdout


def test_twice_at_once_both_end_well(checkout: Checkout) -> None:
    command = [str(checkout.root / "restart_voice_system.sh")]
    runs = [
        subprocess.Popen(
            command, env=checkout.environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    said = [run.communicate(timeout=60)[0].decode() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert sum("waits for another run of this command: pid" in text for text in said) == 1
    honchos = {tuple(checkout.record(name)["honcho"].items()) for name in NAMES}
    assert len(honchos) == 1


def test_a_process_that_fails_is_named_with_cause_and_log(checkout: Checkout) -> None:
    checkout.behave("proxy", "crash")
    failed = checkout.command()
    assert failed.returncode == 1
    assert "proxy is not ready: proxy ended with exit code 3" in failed.stdout
    assert "    the standin has a broken leg" in failed.stdout
    assert "./restart_voice_system.sh proxy" in failed.stdout
    assert not re.search(r"livekit is not ready", failed.stdout)
    (checkout.home / "proxy.behave").unlink()
    mended = checkout.command("proxy")
    assert mended.returncode == 0, mended.stdout


def test_what_fails_again_and_again_is_not_waited_for(checkout: Checkout) -> None:
    checkout.behave("proxy", "refused")
    began = time.monotonic()

    failed = checkout.command()

    assert failed.returncode == 1
    assert time.monotonic() - began < 25
    assert re.search(
        r"proxy is not ready: .*; its log has the same error \d+ times: error: the key is refused",
        failed.stdout,
    ), failed.stdout
    assert "it goes on trying" in failed.stdout
    (checkout.home / "proxy.behave").unlink()
    mended = checkout.command("proxy")
    assert mended.returncode == 0, mended.stdout


def test_a_terminal_that_knows_only_ascii_stops_nothing(checkout: Checkout) -> None:
    checkout.behave("proxy", "foreign")
    checkout.exported.update(LC_ALL="C", PYTHONIOENCODING="ascii")

    started = checkout.command()

    assert started.returncode == 0, started.stdout
    assert "All ready in" in started.stdout
    assert "Gr??e an alle ? jetzt" in checkout.command("logs", "proxy").stdout
    assert checkout.command("status").returncode == 0
    log = checkout.log("proxy")
    assert "Grüße an alle → jetzt" in log, "the file has what the program said"
    assert "stdout is closed" not in log
    output = (checkout.home / "logs" / "honcho.log").read_text()
    assert "Gr??e an alle ? jetzt" in output
    assert "UnicodeEncodeError" not in started.stdout + log + output


def test_it_starts_again_after_honcho_or_a_launcher_was_killed(checkout: Checkout) -> None:
    assert checkout.command().returncode == 0
    os.kill(checkout.record("proxy")["honcho"]["pid"], signal.SIGKILL)
    again = checkout.command()
    assert again.returncode == 0, again.stdout
    os.kill(checkout.record("agent")["launcher"]["pid"], signal.SIGKILL)
    again = checkout.command()
    assert again.returncode == 0, again.stdout


def test_restarts_that_follow_each_other_closely_end_well(checkout: Checkout) -> None:
    """A request may come while the launcher of the one before has hardly begun."""
    assert checkout.command().returncode == 0
    launcher = checkout.record("agent")["launcher"]["pid"]
    until = time.monotonic() + 3
    while time.monotonic() < until:
        os.kill(launcher, signal.SIGUSR1)
        time.sleep(0.02)
    checkout.wait_ready("agent")
    assert checkout.record("agent")["launcher"]["pid"] == launcher


def test_it_takes_over_from_a_honcho_in_a_terminal(checkout: Checkout) -> None:
    honcho = checkout.honcho()
    checkout.wait_ready()
    before = checkout.program_pid("proxy")
    done = checkout.command()
    assert done.returncode == 0, done.stdout
    assert checkout.program_pid("proxy") != before
    assert honcho.poll() is None
    assert checkout.command("stop").returncode == 0
    wait_for("honcho ended", lambda: honcho.poll() is not None, 5)


def test_whatever_the_umask_state_is_private_and_exposed_secrets_are_told_once(
    checkout: Checkout,
) -> None:
    checkout.home.mkdir(mode=0o755)
    (checkout.root / ".env").write_text("SMTP_PASS=made-up\n")
    (checkout.root / ".env").chmod(0o644)
    before = os.umask(0o000)
    try:
        started = checkout.command()
        status = checkout.command("status")
        honcho = checkout.honcho()
        wait_for("a second livekit waits", lambda: "another launcher" in checkout.log("livekit"))
    finally:
        os.umask(before)
    assert started.returncode == 0, started.stdout
    warning = ".env holds SMTP_PASS, and other users of this machine may read it (mode 0644)"
    assert started.stdout.count(warning) == 1
    assert status.stdout.count(warning) == 1
    open_to_others = [
        str(path.relative_to(checkout.home))
        for path in (checkout.home, *checkout.home.iterdir(), *(checkout.home / "run").iterdir())
        if path.stat().st_mode & 0o077 and not path.name.endswith((".environ", ".behave"))
    ]
    assert open_to_others == []
    honcho.terminate()
    honcho.wait(10)
    assert sum(checkout.log(name).count(warning) for name in NAMES) == 1


def test_two_homes_run_side_by_side(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with new_checkout(tmp_path / "other") as other:
        assert checkout.command().returncode == 0
        assert other.command().returncode == 0
        assert checkout.command("stop").returncode == 0
        other.wait_ready()


def test_an_unknown_word_is_told(checkout: Checkout) -> None:
    wrong = checkout.command("lettta")
    assert wrong.returncode == 2
    assert "'lettta' is neither a command nor a process" in wrong.stdout
