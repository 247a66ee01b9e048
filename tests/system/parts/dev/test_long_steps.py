"""A long step tells how it goes, and its failure what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev.bootstrap import long_steps
from dev.bootstrap.long_steps import StepFailed, run


def test_a_step_returns_its_lines() -> None:
    assert run("a step", [sys.executable, "-c", "print('one'); print('two')"]) == ["one", "two"]


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch, capsys: object) -> None:
    assert isinstance(capsys, pytest.CaptureFixture)
    monkeypatch.setattr(long_steps, "FIRST_NEWS_S", 0.0)
    code = "import time; print('Downloaded torch', flush=True); time.sleep(0.6)"
    run("the packages", [sys.executable, "-c", code])
    said = capsys.readouterr().out
    assert "preparing: the packages: 0 s … Downloaded torch" in said


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("error: failed to resolve host", "network or the package index cannot be reached"),
        ("No space left on device", "The disk is full"),
        ("Hash mismatch for x", "not the pinned one"),
    ],
)
def test_a_failure_has_cause_lines_and_advice(says: str, told: str) -> None:
    code = f"import sys; print({says!r}); sys.exit(2)"
    with pytest.raises(StepFailed) as raised:
        run("the packages", [sys.executable, "-c", code], advice="Try again.")
    text = str(raised.value)
    assert "the packages: failed after" in text and "exit code 2" in text
    assert f"\n    {says}" in text
    assert told in text and text.endswith("Try again.")


def test_a_step_is_bounded_and_leaves_nothing(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(StepFailed, match="not done after"):
        run("a step", [sys.executable, "-c", code], limit_s=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_a_missing_program_is_told() -> None:
    with pytest.raises(StepFailed, match="cannot run /no/such: No such file"):
        run("a step", ["/no/such"])


def test_a_lock_tells_who_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(long_steps, "LOCKS", tmp_path)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from dev.bootstrap import long_steps\n"
            f"long_steps.LOCKS = Path({str(tmp_path)!r})\n"
            "with long_steps.lock('venv', 'the big thing'):\n"
            "    print('held', flush=True); sys.stdin.readline()\n",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None and holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        holder.communicate("\n")

    monkeypatch.setattr(long_steps, "tell", tell)
    with long_steps.lock("venv", "the big thing"):
        pass
    assert f"waiting for pid {holder.pid} (which prepares the big thing)" in told[0]
