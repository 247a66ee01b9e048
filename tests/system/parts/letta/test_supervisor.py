"""The supervisor: two programs that start, end and die together. Its programs here are scripts."""

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dev.letta.settings import CHECKOUT

POSTGRES = """
import os, pathlib, signal, sys, time
def end(*_):
    with open(f"{sys.argv[1]}/order", "a") as file: file.write("postgres ")
    os._exit(0)
signal.signal(signal.SIGINT, end)
text = f"{os.getpid()}\\n{sys.argv[1]}\\n{int(time.time())}\\n5432\\n/x\\n\\n1 2\\nready\\n"
pathlib.Path(sys.argv[1], "postmaster.pid").write_text(text)
"""
LETTA = """
import os, signal, sys, time
def end(*_):
    with open(f"{sys.argv[1]}/order", "a") as file: file.write("letta ")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("LETTA IS UP", os.environ["KEY"], flush=True)
open(f"{sys.argv[1]}/up", "w").close()
"""
STAY = "\nwhile True: signal.pause()"


def supervise(folder: Path, postgres: str, letta: str) -> subprocess.Popen[str]:
    """Start the supervisor as __main__.py does, with these two programs."""
    plan = {
        "postgres": [sys.executable, "-c", postgres, str(folder)],
        "letta": [sys.executable, "-c", letta, str(folder)],
        "data": str(folder),
        "folder": str(folder),
        "environ": {"KEY": "sk-planned"},
        "temporary": None,
    }
    with tempfile.TemporaryFile() as file, (folder / "lock").open("w") as lock:
        file.write(json.dumps(plan).encode())
        file.flush()
        numbers = (lock.fileno(), file.fileno())
        return subprocess.Popen(
            [sys.executable, "-m", "dev.letta.supervisor", *map(str, numbers)],
            pass_fds=numbers,
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def wait_until_up(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    for line in process.stdout:
        if line.startswith("LETTA IS UP"):
            assert line.split()[-1] == "sk-planned"
            return
    raise AssertionError(process.stderr and process.stderr.read())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_ends_letta_then_postgres(tmp_path: Path, number: int) -> None:
    with supervise(tmp_path, POSTGRES + STAY, LETTA + STAY) as process:
        wait_until_up(process)
        process.send_signal(number)
        assert process.wait(5) == 0
    assert (tmp_path / "order").read_text() == "letta postgres "


def test_the_key_is_not_in_the_list_of_processes(tmp_path: Path) -> None:
    with supervise(tmp_path, POSTGRES + STAY, LETTA + STAY) as process:
        wait_until_up(process)
        shown = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True).stdout
        process.terminate()
    assert "dev.letta.supervisor" in shown
    assert "sk-planned" not in shown


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("sys.exit(3)", "letta: the Letta server ended by itself (exit code 3); see above\n"),
        ("os.kill(os.getpid(), 9)", "letta: the Letta server was ended by SIGKILL; see above\n"),
        ("sys.exit(78)", ""),  # it has said why
    ],
)
def test_letta_dies(tmp_path: Path, end: str, said: str) -> None:
    with supervise(tmp_path, POSTGRES + STAY, LETTA + end) as process:
        assert process.communicate(timeout=10)[1] == said
    assert process.returncode == 1
    assert (tmp_path / "order").read_text() == "postgres "


def test_postgres_dies_and_its_last_words_are_told(tmp_path: Path) -> None:
    words = "PANIC:  could not write to file: No space left on device"
    up = "while not os.path.exists(f'{sys.argv[1]}/up'): time.sleep(0.01)"
    script = f"{POSTGRES}\n{up}\nsys.exit({words!r})"
    with supervise(tmp_path, script, LETTA + STAY) as process:
        _, told = process.communicate(timeout=10)
    assert process.returncode == 1
    assert told == (
        "letta: Postgres ended by itself (exit code 1): could not write to file: No space left on "
        "device; make room on the disk, or set VOICE_HOME to a folder on another one\n"
    )
    assert (tmp_path / "order").read_text() == "letta "


def test_postgres_does_not_even_start(tmp_path: Path) -> None:
    script = "import sys; sys.exit('FATAL:  could not open file: Permission denied')"
    with supervise(tmp_path, script, LETTA + STAY) as process:
        _, told = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "could not open file: Permission denied; make the folder writable" in told
    assert not (tmp_path / "order").exists()


def test_a_letta_that_does_not_listen_is_killed_within_the_launchers_patience(
    tmp_path: Path,
) -> None:
    deaf = LETTA.replace(
        "signal.signal(signal.SIGTERM, end)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    )
    with supervise(tmp_path, POSTGRES + STAY, deaf + STAY) as process:
        wait_until_up(process)
        process.terminate()
        assert process.wait(5) == 0
    assert (tmp_path / "order").read_text() == "postgres "
