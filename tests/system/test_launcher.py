"""The launcher under a real honcho with the real livekit-server: settings, crashes, ports, ends."""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from tests.system.checkout import NAMES, Checkout, lives, new_checkout, wait_for
from tests.system.standin_program import Answer

NASTY_ENV = """\
# a comment
export STANDIN_EXPORT=1
STANDIN_SPACES=foo bar
STANDIN_HASH=abc#def
STANDIN_EMPTY=
STANDIN_QUOTED="it's quoted # not a comment"
STANDIN_HOME=${HOME}/sub
STANDIN_BOTH=from-the-file
PORT=5999
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    with new_checkout(tmp_path) as made:
        yield made


def test_a_program_gets_the_environment_that_was_meant(checkout: Checkout) -> None:
    (checkout.root / ".env").write_text(NASTY_ENV)
    checkout.honcho("proxy", STANDIN_BOTH="from-the-shell", HOME="/home/me")
    checkout.wait_ready("proxy")
    seen = checkout.seen_environ("proxy")
    assert seen["STANDIN_EXPORT"] == "1"
    assert seen["STANDIN_SPACES"] == "foo bar"
    assert seen["STANDIN_HASH"] == "abc#def"
    assert seen["STANDIN_EMPTY"] == ""
    assert seen["STANDIN_QUOTED"] == "it's quoted # not a comment"
    assert seen["STANDIN_HOME"] == "/home/me/sub"
    assert seen["STANDIN_BOTH"] == "from-the-shell"
    assert seen["PORT"] == "5999"
    assert seen["PROCESS_STATUS_DIR"] == str(checkout.home / "run")
    assert seen["LETTA_BASE_URL"] == f"http://localhost:{checkout.exported['LETTA_PORT']}"
    assert len(seen["LIVEKIT_API_SECRET"]) >= 32


def test_a_malformed_env_file_is_told_with_its_line_and_mended_by_itself(
    checkout: Checkout,
) -> None:
    (checkout.root / ".env").write_text("\nLOG_LEVEL=INFO\nthis is no setting\n")
    checkout.honcho("proxy")
    wait_for("failed", lambda: checkout.state("proxy") == "failed")
    record = checkout.record("proxy")
    assert record["cause"] == "env-malformed"
    assert ".env line 3" in record["detail"]
    assert "this is no setting" in record["detail"]
    (checkout.root / ".env").write_text("LOG_LEVEL=INFO\n")
    checkout.wait_ready("proxy")
    # The port belonged to the derived environment, not to honcho.
    assert "PORT" not in checkout.seen_environ("proxy")


@pytest.mark.parametrize("end", ["SIGKILL", "SIGINT"])
def test_nothing_is_left_when_honcho_ends(checkout: Checkout, end: str) -> None:
    honcho = checkout.honcho()
    checkout.wait_ready()
    assert checkout.processes()
    honcho.send_signal(signal.Signals[end])
    checkout.assert_nothing_left()


def test_nothing_is_left_when_honcho_is_killed_while_all_begins(checkout: Checkout) -> None:
    honcho = checkout.honcho()
    wait_for("the lines of the Procfile begin", lambda: len(checkout.processes()) >= 2 * len(NAMES))
    honcho.kill()
    checkout.assert_nothing_left()


def test_what_runs_is_found_again_after_its_records_were_removed(checkout: Checkout) -> None:
    checkout.honcho()
    checkout.wait_ready()
    shutil.rmtree(checkout.home / "run")
    wait_for("all records", lambda: all(checkout.state(name) == "ready" for name in NAMES))
    assert checkout.command("stop").returncode == 0
    checkout.assert_nothing_left()


def test_nothing_is_left_when_the_terminal_is_closed(checkout: Checkout) -> None:
    terminal, inside = pty.openpty()
    honcho = subprocess.Popen(
        ["setsid", "--ctty", str(checkout.root / ".venv/bin/honcho"), "start", "livekit", "proxy"],
        cwd=checkout.root,
        env=checkout.environ(),
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    drained = threading.Thread(target=_drain, args=(terminal,), daemon=True)
    drained.start()
    checkout.wait_ready("livekit", "proxy")
    honcho_pid = checkout.record("proxy")["honcho"]["pid"]
    os.kill(honcho_pid, 0)
    # What a terminal emulator does when its window closes.
    os.killpg(os.getpgid(honcho_pid), signal.SIGHUP)
    checkout.assert_nothing_left()
    honcho.wait(10)
    os.close(terminal)


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        return


def test_a_program_does_not_outlive_its_killed_launcher(checkout: Checkout) -> None:
    checkout.behave("proxy", "stubborn")
    honcho = checkout.honcho("proxy")
    checkout.wait_ready("proxy")
    program = psutil.Process(checkout.program_pid("proxy"))
    child = program.children(recursive=True)[0]
    assert os.getsid(child.pid) == child.pid
    os.kill(checkout.record("proxy")["launcher"]["pid"], signal.SIGKILL)
    wait_for("the program ended", lambda: not lives(program), 10)
    wait_for("its child ended", lambda: not lives(child), 10)
    assert honcho.wait(10) is not None


def test_a_crash_is_followed_by_a_new_start_and_a_crash_loop_by_a_reason(
    checkout: Checkout,
) -> None:
    checkout.honcho("proxy")
    checkout.wait_ready("proxy")
    first = checkout.program_pid("proxy")
    child = psutil.Process(first).children()[0]
    os.kill(first, signal.SIGKILL)
    wait_for("a new program", lambda: _new_program(checkout, first))
    assert not lives(child), "what a crashed program leaves is ended before the next start"
    assert checkout.record("proxy")["restarts"] == 1
    assert checkout.record("proxy")["cause"] == ""
    checkout.behave("proxy", "crash")
    os.kill(checkout.program_pid("proxy"), signal.SIGKILL)
    wait_for("given up", lambda: checkout.state("proxy") == "failed")
    record = checkout.record("proxy")
    assert "exit code 3" in record["detail"]
    assert "the standin has a broken leg" in record["detail"]
    assert (record["cause"], record["log"]) == ("crash-loop", ["the standin has a broken leg"])
    assert record["program"] is None
    # What its report says to do next.
    checkout.behave("proxy", "")
    mended = checkout.command("proxy")
    assert mended.returncode == 0, mended.stdout
    assert checkout.record("proxy")["cause"] == ""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_crash_is_seen_while_the_program_starts_again(checkout: Checkout, form: str) -> None:
    secret = "sk-planted-0123456789abcdef"
    checkout.honcho("letta", STANDIN_API_KEY=secret, LOG_FORMAT=form)
    checkout.wait_ready("letta")
    checkout.behave("letta", "slow")
    os.kill(checkout.program_pid("letta"), signal.SIGKILL)
    killed = "letta was killed (signal 9, SIGKILL)"
    wait_for("the crash is told", lambda: killed in checkout.record("letta")["detail"], 2)
    wait_for("it starts", lambda: checkout.state("letta") == "starting")
    wait_for("it says so", lambda: "takes its time" in checkout.record("letta")["detail"])
    record = checkout.record("letta")
    assert record["detail"] == f"letta takes its time (started again: {killed})"
    assert record["cause"] == "killed"
    checkout.behave("letta", "raise")
    os.kill(checkout.program_pid("letta"), signal.SIGTERM)
    failed = "exit code 1: ValueError"
    wait_for("it fails again", lambda: failed in checkout.record("letta")["detail"])
    record = checkout.record("letta")
    assert record["cause"] == "crash-loop"
    assert "letta ended with exit code 1: ValueError: it does not like ***" in record["detail"]
    assert record["log"][0].startswith("File ") and "standin_program.py" in record["log"][0]
    assert record["log"][1] == "ValueError: it does not like ***"
    checkout.behave("letta", "")
    checkout.wait_ready("letta")
    assert secret not in str(checkout.record("letta"))
    if form == "json":
        lines = [json.loads(line) for line in checkout.log("letta").splitlines()]
        assert {line["process"] for line in lines} == {"letta"}


def test_a_program_that_stops_to_answer_is_told_and_seen_to_be_back(checkout: Checkout) -> None:
    checkout.honcho("proxy")
    checkout.wait_ready("proxy")
    os.kill(checkout.program_pid("proxy"), signal.SIGSTOP)
    wait_for("it is not ready", lambda: checkout.record("proxy")["cause"] == "not-ready")
    assert checkout.state("proxy") == "starting"
    assert "does not answer" in checkout.record("proxy")["detail"]
    os.kill(checkout.program_pid("proxy"), signal.SIGCONT)
    checkout.wait_ready("proxy")
    assert checkout.record("proxy")["cause"] == ""
    # A stopped program is ended and started all the same when a person asks for it.
    before = checkout.program_pid("proxy")
    os.kill(before, signal.SIGSTOP)
    restarted = checkout.command("proxy")
    assert restarted.returncode == 0, restarted.stdout
    assert checkout.program_pid("proxy") != before
    assert "did not end by itself" not in checkout.log("proxy")
    # So is a launcher that stands still, as after Ctrl-Z.
    before = checkout.program_pid("proxy")
    os.kill(checkout.record("proxy")["launcher"]["pid"], signal.SIGSTOP)
    restarted = checkout.command("proxy")
    assert restarted.returncode == 0, restarted.stdout
    assert checkout.program_pid("proxy") != before


def _new_program(checkout: Checkout, before: int) -> bool:
    return checkout.state("proxy") == "ready" and checkout.program_pid("proxy") != before


def test_a_busy_port_is_told_with_its_holder_and_taken_when_free(checkout: Checkout) -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", int(checkout.exported["PROXY_PORT"])))
        holder.listen()
        checkout.honcho("proxy")
        wait_for("refused", lambda: checkout.state("proxy") == "failed")
        detail = checkout.record("proxy")["detail"]
        assert f"pid {os.getpid()}" in detail
        assert "PROXY_PORT" in detail
        assert checkout.record("proxy")["cause"] == "port-taken"
        # Asked for while it cannot be had: the same reason again, and no harm.
        assert "PROXY_PORT" in checkout.command("proxy").stdout
    checkout.wait_ready("proxy")
    assert checkout.record("proxy")["cause"] == ""


def test_a_letta_of_ones_own_on_the_port_can_be_used(checkout: Checkout) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(checkout.exported["LETTA_PORT"])), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://localhost:{checkout.exported['LETTA_PORT']}"
    try:
        honcho = checkout.honcho("letta")
        wait_for("refused", lambda: checkout.state("letta") == "failed")
        assert f"LETTA_BASE_URL={url}" in checkout.record("letta")["detail"]
        honcho.terminate()
        honcho.wait(10)
        checkout.honcho("letta", LETTA_BASE_URL=url)
        wait_for("monitoring", lambda: checkout.record("letta").get("answers") is True)
        assert checkout.state("letta") == "monitoring"
    finally:
        server.shutdown()
        server.server_close()
    wait_for("it is gone", lambda: checkout.record("letta").get("answers") is False)
    assert "refuses the connection" in checkout.record("letta")["detail"]


def test_livekit_is_ready_only_as_the_recorded_program(checkout: Checkout) -> None:
    checkout.honcho("livekit")
    checkout.wait_ready("livekit")
    program = psutil.Process(checkout.program_pid("livekit"))
    listening = {
        socket.laddr.port for socket in program.net_connections("tcp") if socket.status == "LISTEN"
    }
    assert int(checkout.exported["LIVEKIT_PORT"]) in listening
    # Media over TCP is the exception: livekit-server cannot be told where to listen for it.
    tcp_port = int(checkout.exported["LIVEKIT_TCP_PORT"])
    sockets = program.net_connections("inet")
    assert {socket.laddr.ip for socket in sockets if socket.laddr.port != tcp_port} == {
        "127.0.0.1",
        "::1",
    }
    open_to_all = {
        socket.laddr.ip
        for socket in sockets
        if socket.laddr.port == tcp_port and socket.status == "LISTEN"
    }
    assert open_to_all <= {"::", "0.0.0.0"}, "it can be bound now: README.md names it an exception"
    config = checkout.home / "livekit.yaml"
    assert config.stat().st_mode & 0o777 == 0o600
    assert (checkout.home / "livekit.key").stat().st_mode & 0o777 == 0o600
