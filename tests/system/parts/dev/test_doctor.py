"""The doctor's report: what it says, in which form, also without packages."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from dev.bootstrap import venvs
from dev.doctor import minimal
from tests.fast.dev.test_doctor import DOWN


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def run_minimal(
    home: Path, error: Exception, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, object]]:
    wanted = argparse.Namespace(json=True, verbose=False, bundle=None, transcripts=False)
    code = minimal.run(wanted, {"VOICE_HOME": str(home), "PATH": "/usr/bin:/bin"}, error)
    return code, json.loads(capsys.readouterr().out)


def test_without_packages_it_says_what_it_can_and_how_to_make_it_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("LIVEKIT_PORT=1\nno assignment\n")
    monkeypatch.setattr(minimal, "DOTENV", dotenv)
    home = tmp_path / "home"
    error = ModuleNotFoundError("No module named 'pydantic'", name="pydantic")

    code, told = run_minimal(home, raised(error), capsys)

    assert code == 1
    assert not home.exists()
    verdict = told["verdict"]
    assert isinstance(verdict, dict)
    assert verdict["cause"] == "packages-missing"
    assert verdict.keys() == DOWN.keys(), "it has the form of the judge's"
    assert verdict["evidence"][0].keys() == DOWN["evidence"][0].keys()
    assert "./scripts/setup" in verdict["next"]
    assert ".env line 2" in json.dumps(told["findings"])
    assert "not started" in json.dumps(told["findings"])


def test_a_mistake_in_our_own_code_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minimal, "DOTENV", tmp_path / ".env")
    monkeypatch.setattr(venvs, "complete", lambda *_: True)
    error = SyntaxError("invalid syntax", ("proxy/app.py", 12, 1, "x", None, None))

    _, told = run_minimal(tmp_path / "home", raised(error), capsys)

    verdict = told["verdict"]
    assert isinstance(verdict, dict)
    assert verdict["cause"] == "code-broken"
    assert verdict["sentence"] == "proxy/app.py, line 12 is no Python: invalid syntax."
