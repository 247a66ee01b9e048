"""./scripts/talk against the whole running system: what a person types, and what they get."""

from __future__ import annotations

import json
import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.running_system import ROOT, System
from tools.bench.results import word_errors

CALL_LIMIT_S = 90


def talk(system: System, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "scripts" / "talk"), *arguments],
        cwd=folder,
        env=system.environment,
        capture_output=True,
        text=True,
        timeout=CALL_LIMIT_S,
    )


def call(system: System, *arguments: str, folder: Path = ROOT) -> dict[str, Any]:
    """The JSON of a call in which everything was answered."""
    done = talk(system, "--json", *arguments, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_two_turns_are_understood_answered_and_timed(system: System, tmp_path: Path) -> None:
    sentences = ("my favorite color is green", "what is my favorite color")
    answer = call(system, *sentences, "--record", "call.wav", folder=tmp_path)

    assert [turn["said"] for turn in answer["turns"]] == list(sentences)
    for turn in answer["turns"]:
        assert turn["answered"]
        assert word_errors(turn["said"], turn["heard_text"])[0] <= 1, turn
        assert turn["reply"]
        assert turn["reply_s"] > 0.3
        split = turn["split_ms"]
        assert list(split)[-1] == "playout"
        assert sum(split.values()) == pytest.approx(1000 * turn["first_sound_s"], abs=2)
    assert "green" in answer["turns"][1]["reply"]

    with wave.open(str(tmp_path / "call.wav")) as file:
        assert file.getnchannels() == 2
        frames = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    assert abs(frames[:, 0].astype(int)).max() > 3000  # the caller
    assert abs(frames[:, 1].astype(int)).max() > 3000  # the agent


def test_what_one_call_told_the_next_one_knows(system: System) -> None:
    call(system, "my favorite animal is the elephant")
    answer = call(system, "--text", "what is my favorite animal")
    assert "elephant" in answer["turns"][0]["reply"].lower()


def test_a_reply_stops_when_the_caller_speaks_into_it(system: System) -> None:
    answer = call(
        system, "--barge-in", "0.7", "tell me everything you know about me", "stop please"
    )
    first, second = answer["turns"]
    assert first["interrupted"]
    assert first["silenced_after_s"] < 2.0  # how quick it is, scripts/bench tells
    assert not second["interrupted"]


def test_an_unknown_agent_is_a_sentence_with_the_known_ones(system: System) -> None:
    done = talk(system, "hello", "--agent", "nobody")
    assert done.returncode == 1
    assert "there is no Letta agent 'nobody'. Letta has: " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_terminal_shows_the_talk(system: System) -> None:
    done = talk(system, "--room", "talk-on-the-terminal", "hello there")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "room talk-on-the-terminal at http://localhost:" in done.stdout
    assert "said   hello there" in done.stdout
    assert "s to the first sound (ms: end of utterance" in done.stdout
    assert done.stderr == ""
