"""A wrong setting is told in a sentence with its name, its value, and what to set it to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from agent.settings import AgentSettings
from tests.fast.agent.test_settings import LOCAL


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AgentSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_program_ends_with_one_sentence() -> None:
    environment = {**os.environ, **LOCAL, "AGENT_PORT": "http"}
    done = subprocess.run(
        [sys.executable, "-m", "agent"], env=environment, capture_output=True, text=True, timeout=20
    )
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("agent: setting AGENT_PORT has the value 'http'")
