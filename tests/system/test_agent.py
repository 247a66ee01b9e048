"""A real worker in real calls: LiveKit, Letta and speech are the running system's, the worker is
ours.

It has a name of its own, so that the system's worker gets none of these jobs, and may be stopped.
"""

from __future__ import annotations

import asyncio
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.caller import Caller, ServerAccess
from tests.running_system import System
from tests.system.worker import Worker, wait_until

END_TIMEOUT = 15.0
STORY = "please tell me a long story about a lighthouse"
NO_SUCH_AGENT = "agent-00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def worker(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    started = Worker(system, tmp_path_factory.mktemp("worker"), "test-worker")
    yield started
    started.stop()


def way_in(system: System, worker: Worker) -> ServerAccess:
    return ServerAccess(system.livekit_url, system.api_key, system.api_secret, worker.name)


def told(caller: Caller, stage: str, name: str) -> list[dict[str, Any]]:
    return [e["data"] for e in caller.events if (e["stage"], e["name"]) == (stage, name)]


AUDIBLE_DB = -50.0


async def ended(worker: Worker) -> None:
    """The call's job is over, so Letta has its last words."""
    await asyncio.to_thread(wait_until, lambda: not worker.jobs(), END_TIMEOUT, worker.log)


async def remembered(system: System, room: str) -> list[tuple[str, str]]:
    """What Letta holds of the one conversation of a room."""
    async with system.letta() as letta:
        agents = await letta.agents(100)
        listed = [await letta.conversations(agent.id, f"voice room {room}") for agent in agents]
        (found,) = [one for conversations in listed for one in conversations]
        stored = await letta.messages(found.id, 100)
        return [(each.role, each.text) for each in reversed(stored)]


async def test_a_call_is_taken_timed_and_answered(system: System, worker: Worker) -> None:
    async with Caller(way_in(system, worker)) as caller:
        await caller.wait_until_listening()
        turn = await caller.say("hello who are you")
        assert turn.answered and turn.reply
        assert await caller.until(lambda: bool(told(caller, "play", "turn")), 10)
    log = worker.log()
    assert f"Job request received for room: {caller.room}" in log
    assert re.search(rf"Job accepted: AJ_\w+ in room {caller.room}", log)
    for mark in ("handshake_start", "ctx_connected", "session_started", "init_done"):
        assert re.search(rf"{mark} after \d+ ms", log), mark
    (split,) = [one["ms"] for one in told(caller, "play", "turn")]
    assert 0 < split["transcript"] < split["first_token"]
    assert 0 < split["end_of_utterance"] < split["first_token"] < split["first_sound"]
    assert told(caller, "job", "job")[0]["room_sid"].startswith("RM_")
    assert "conv-" in told(caller, "join", "conversation")[0]["conversation_id"]
    await ended(worker)
    assert await remembered(system, caller.room) == [
        ("user", turn.heard_text),
        ("assistant", told(caller, "play", "turn")[0]["reply"]),
    ]


async def test_an_interrupted_reply_is_remembered_as_far_as_it_was_heard(
    system: System, worker: Worker
) -> None:
    async with Caller(way_in(system, worker)) as caller:
        await caller.wait_until_listening()
        story = await caller.type(STORY, until="first_sound")
        stop = await caller.say("thank you that is enough", barge_in_after=1.5)
        assert story.interrupted and story.silenced_after_s is not None
        assert story.silenced_after_s < 2.0, "how soon, the bench tells"
        assert stop.answered
        assert await caller.until(lambda: len(told(caller, "play", "turn")) == 2, 20)
    first, second = told(caller, "play", "turn")
    assert told(caller, "play", "interrupted")[0]["heard"] == first["heard"]
    assert first["interrupted"] and 0 < len(first["heard"]) < len(first["reply"])
    assert first["reply"].startswith(first["heard"])
    await ended(worker)
    assert await remembered(system, caller.room) == [
        ("user", STORY),
        ("assistant", first["heard"]),
        ("user", second["user"]),
        ("assistant", second["reply"]),
    ]


def heard_s(caller: Caller) -> float:
    """Seconds of sound that reached the caller."""
    return 0.02 * sum(level > AUDIBLE_DB for _, level in caller.sound_levels)


async def test_hanging_up_in_the_middle_of_a_reply(system: System, worker: Worker) -> None:
    async with Caller(way_in(system, worker)) as caller:
        await caller.wait_until_listening()
        await caller.type(STORY, until="first_sound")
        written = await caller.until(lambda: bool(told(caller, "think", "done")), 10)
        assert written and await caller.until(lambda: heard_s(caller) > 1.5, 10)
    await ended(worker)
    (asked, answered) = await remembered(system, caller.room)
    assert asked == ("user", STORY)
    assert answered[0] == "assistant"
    assert "left" not in answered[1], "the end of the story was never spoken"


async def test_an_agent_that_does_not_exist_is_told_aloud(system: System, worker: Worker) -> None:
    async with Caller(way_in(system, worker), agent_id=NO_SUCH_AGENT) as caller:
        await caller.wait_until_listening()
        assert await caller.until(lambda: bool(told(caller, "think", "error")), 10)
        assert await caller.until(lambda: bool(caller.sound_levels), 10)
        turn = await caller.type("hello")
        assert turn.answered
    error = told(caller, "think", "error")[0]
    assert error["code"] == "agent_not_found"
    assert NO_SUCH_AGENT in error["message"] and error["next_step"]
    await ended(worker)


async def test_more_calls_at_once_than_processes_are_ready(system: System, worker: Worker) -> None:
    callers = [Caller(way_in(system, worker), record=False) for _ in range(4)]

    async def call(caller: Caller) -> int:
        async with caller:
            await caller.wait_until_listening(30)
            return caller.agent_count

    assert await asyncio.gather(*map(call, callers)) == [1, 1, 1, 1]
    await ended(worker)


async def test_an_openai_compatible_server_hears_and_speaks(system: System, tmp_path: Path) -> None:
    settings = {
        "SPEECH": "openai",
        "OPENAI_BASE_URL": system.models_url,
        "TTS_MODEL": "tts-1",
    }
    worker = await asyncio.to_thread(lambda: Worker(system, tmp_path, "test-openai", **settings))
    try:
        async with Caller(way_in(system, worker)) as caller:
            await caller.wait_until_listening()
            turn = await caller.say("hello who are you")
            assert turn.answered, worker.log()
            assert "hello" in turn.heard_text.lower()
    finally:
        worker.stop()


async def test_a_stop_during_a_call_is_quick_and_loses_nothing(
    system: System, worker: Worker
) -> None:
    """The last test: the worker is gone after it."""
    async with Caller(way_in(system, worker)) as caller:
        await caller.wait_until_listening()
        await caller.type(STORY, until="first_sound")
        began = time.monotonic()
        worker.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(worker.process.wait, END_TIMEOUT)
        took = time.monotonic() - began
    assert code == 0, worker.log()
    assert took < 6, worker.log()
    assert not answers(worker.port)
    talk = await remembered(system, caller.room)
    assert talk[0] == ("user", STORY)
    assert len(talk) <= 2


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/worker", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False
