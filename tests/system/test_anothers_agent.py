"""A worker that was never changed: its calls have stages, turns, times and words here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.anothers.plain_agent import plain_agent
from tests.anothers.stock import NAME, AnotherCall, stock_worker
from tests.faults.call import Call
from tests.faults.fault import of_room
from tests.faults.loop_thread import LoopThread
from tests.running_system import System
from tests.system.checkout import wait_for

ROOM_ENDS_S = 30.0
"""The LiveKit server keeps a room for 20 s after its last caller."""


@pytest.fixture(scope="module")
def stock(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with stock_worker(system, tmp_path_factory.mktemp("stock")) as log:
        yield log


def states(system: System, room: str) -> dict[str, str]:
    verdicts = of_room(system.proxy_url, room)()["verdicts"]
    return {each["stage"]: each["state"] for each in verdicts}


def call_of(system: System, room: str) -> dict[str, Any]:
    calls = httpx.get(f"{system.proxy_url}/api/calls?limit=50").json()["calls"]
    (found,) = [each for each in calls if each["room"] == room]
    whole: dict[str, Any] = httpx.get(f"{system.proxy_url}/api/calls/{found['id']}").json()
    return {**found, **whole}


def events_of(call: dict[str, Any], topic: str) -> list[dict[str, Any]]:
    return [each for each in call["events"] if f"{each['stage']}.{each['name']}" == topic]


def test_a_spoken_call_is_seen_whole(system: System, stock: Path) -> None:
    with AnotherCall(system, metadata='{"language": "en"}') as call:
        call.listening()
        call.answered("my favorite color is green", spoken=True)
        call.answered("what is my favorite color", spoken=True)
        wait_for("the second turn is told", lambda: call_of(system, call.room)["turns"] == 2, 10.0)
        verdicts = {each["stage"]: each for each in call.ask()["verdicts"]}
        assert {stage for stage, each in verdicts.items() if each["state"] != "ok"} == {
            "play"  # the caller has no page that tells what it hears
        }
        assert NAME in verdicts["dispatch"]["sentence"]
        assert re.search(r"worker AW_\w+ runs the job", verdicts["job"]["sentence"])
        assert "language model" in verdicts["think"]["sentence"]
        assert not any("Letta" in each["sentence"] for each in verdicts.values())
        for stage in ("transcribe", "think", "speak"):
            assert 0 < verdicts[stage]["ms"] < 10_000, verdicts[stage]
        told = call_of(system, call.room)

    assert told["transcript"][0]["speaker"] == "caller"
    assert [line["speaker"] for line in told["transcript"]] == ["caller", "agent"] * 2
    assert "green" in told["transcript"][-1]["text"].lower()
    for turn in events_of(told, "play.turn"):
        ms = turn["data"]["ms"]
        steps = ["transcript", "end_of_utterance", "first_token", "tts_first_byte", "first_sound"]
        assert list(ms) == steps and sorted(ms.values()) == list(ms.values()), ms
    (job,) = events_of(told, "job.state")
    assert job["data"]["agent_name"] == NAME


def test_who_watches_is_nobodys_caller_and_keeps_no_room_alive(system: System, stock: Path) -> None:
    with AnotherCall(system) as call:
        call.listening()
        answer = httpx.get(f"{system.proxy_url}/api/dispatch-agent/{call.room}").json()
        assert (answer["callers"], len(answer["agents"])) == (1, 1), answer
        others = httpx.get(f"{system.proxy_url}/api/dispatch-agent").json()
        assert NAME in others["others"] and others["ours"] == system.agent_name

    def ended() -> bool:
        return bool(events_of(call_of(system, call.room), "signal.room_finished"))

    wait_for("the room has ended", ended, ROOM_ENDS_S)
    identities = {each["data"].get("identity", "") for each in call_of(system, call.room)["events"]}
    assert not [one for one in identities if one.startswith("voice-observer-")]
    assert len(events_of(call_of(system, call.room), "signal.room_finished")) == 1


def _joined_by_itself(call: AnotherCall) -> bool:
    (dispatch,) = [each for each in call.ask()["verdicts"] if each["stage"] == "dispatch"]
    return "None was asked for: the agent joined by itself" in dispatch["sentence"]


def test_an_agent_that_comes_by_itself(system: System, tmp_path: Path) -> None:
    with stock_worker(system, tmp_path, name=""), AnotherCall(system, asks=False) as call:
        call.listening()
        call.answered("what is my favorite color", spoken=True)
        wait_for("it is said that nobody asked", lambda: _joined_by_itself(call), 10.0)
        wait_for("its turn is told", lambda: call_of(system, call.room)["turns"] == 1, 10.0)
        assert call.ask()["failing"] is None


def test_a_call_that_goes_on_while_the_proxy_is_restarted(system: System, stock: Path) -> None:
    with AnotherCall(system) as call:
        call.listening()
        call.answered("my favorite color is green", spoken=True)
        wait_for("the first turn is told", lambda: call_of(system, call.room)["turns"] == 1, 10.0)
        system.command("proxy")
        call.answered("what is my favorite color", spoken=True)
        wait_for("the second turn is told", lambda: call_of(system, call.room)["turns"] == 2, 10.0)
        turns = events_of(call_of(system, call.room), "play.turn")
        assert [each["data"]["turn"] for each in turns] == [1, 2]
        assert call.ask()["failing"] is None


WORDS, REPLY = "what is my favorite color", "Your favorite color is green."


def test_an_agent_that_shows_only_its_state_and_transcripts(system: System) -> None:
    with (
        AnotherCall(system, asks=False) as call,
        LoopThread() as loop,
        loop.inside(plain_agent(system, call.room, call.caller.identity)) as agent,
    ):
        loop.run(agent.state("listening"))
        wait_for("the room is watched", lambda: _is_told(system, call.room, "listening"), 10.0)
        loop.run(agent.transcribes(WORDS, caller=True))
        loop.run(agent.state("thinking"))
        loop.run(agent.sounds(0.5))
        loop.run(agent.state("speaking"))
        loop.run(agent.transcribes(REPLY, caller=False))
        wait_for("its turn is told", lambda: call_of(system, call.room)["turns"] == 1, 10.0)
        wait_for("it is said that nobody asked", lambda: _joined_by_itself(call), 10.0)
        verdicts = {each["stage"]: each for each in call.ask()["verdicts"]}
        told = call_of(system, call.room)
    assert [line["text"] for line in told["transcript"]] == [WORDS, REPLY]
    assert verdicts["hear"]["state"] == "not told", verdicts["hear"]
    assert {verdicts[stage]["state"] for stage in ("transcribe", "think", "speak")} == {"ok"}


def test_a_bot_that_only_sends_sound(system: System) -> None:
    with (
        AnotherCall(system, asks=False) as call,
        LoopThread() as loop,
        loop.inside(plain_agent(system, call.room, call.caller.identity)) as agent,
    ):
        loop.run(agent.sounds(4.0))
        answer = call.ask()
    states = {each["stage"]: each["state"] for each in answer["verdicts"]}
    assert answer["failing"] is None, answer
    told = {stage: states[stage] for stage in ("hear", "transcribe", "think", "speak")}
    assert set(told.values()) == {"not told"}, told


def _is_told(system: System, room: str, state: str) -> bool:
    changes = events_of(call_of(system, room), "join.agent_state")
    return any(each["data"]["to"] == state for each in changes)


def test_calls_of_our_own_worker_are_not_watched(system: System, stock: Path) -> None:
    with Call(system) as call:
        call.listening()
        sources = {
            (each["source"], f"{each['stage']}.{each['name']}")
            for each in call_of(system, call.room)["events"]
        }
        assert ("agent", "join.agent_state") not in sources
        assert ("agent", "job.accepted") in sources
