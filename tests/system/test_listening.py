"""How the agent listens: set for one call, by the proxy; and without its detector."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
from livekit import api

from dev.caller import Caller, ProxyAccess, ServerAccess
from tests.running_system import System
from tests.system.worker import Worker

LONG_DELAY = 1.6
BREAKS_THE_DETECTOR = """
import livekit.local_inference

def broken(*_):
    raise OSError("the library of the detector cannot be loaded, on purpose")

livekit.local_inference.VAD = livekit.local_inference.init_vad = broken
"""


class TunedAccess(ProxyAccess):
    """The proxy's way in, with settings of the call's own."""

    def __init__(self, url: str, settings: dict[str, Any]) -> None:
        super().__init__(url)
        self.settings = settings

    async def dispatch(self, room: str, agent_id: str | None) -> str:
        wish = {"room": room, "settings": self.settings}
        answer = await self._ask("POST", "/api/dispatch-agent", wish)
        return str(answer["message"])


class Careless(ServerAccess):
    """The way past the proxy, which would refuse these settings."""

    async def dispatch(self, room: str, agent_id: str | None) -> str:
        metadata = json.dumps({"settings": {"vad_threshold": "loud", "nonsense": 1}})
        request = api.CreateAgentDispatchRequest(
            agent_name=self.agent_name, room=room, metadata=metadata
        )
        assert self._api is not None
        return str((await self._api.agent_dispatch.create_dispatch(request)).id)


def told(caller: Caller, stage: str, name: str) -> list[dict[str, Any]]:
    return [e["data"] for e in caller.events if (e["stage"], e["name"]) == (stage, name)]


async def end_of_utterance_ms(caller: Caller) -> float:
    """Milliseconds from the end of the caller's speech to the end of the turn."""
    await caller.wait_until_listening()
    for _ in range(2):
        done = len(told(caller, "play", "turn"))
        turn = await caller.say("hello who are you")
        assert turn.answered
        assert await caller.until(lambda: len(told(caller, "play", "turn")) > done, 15)  # noqa: B023
    return float(median(one["ms"]["end_of_utterance"] for one in told(caller, "play", "turn")))


async def test_a_call_with_settings_of_its_own_has_them(system: System) -> None:
    own = {
        "endpointing_min_delay": LONG_DELAY,
        "endpointing_max_delay": LONG_DELAY,
        "vad_threshold": 0.6,
    }
    async with Caller(system.proxy_url) as usual:
        quick = await end_of_utterance_ms(usual)
    async with Caller(TunedAccess(system.proxy_url, own)) as caller:
        slow = await end_of_utterance_ms(caller)
    (settings,) = told(usual, "job", "settings")
    assert settings["changed"] == [] and settings["endpointing_min_delay"] == 0.3
    (settings,) = told(caller, "job", "settings")
    assert settings["changed"] == list(own) and settings["ignored"] == []
    assert {name: settings[name] for name in own} == own
    assert slow >= LONG_DELAY * 1000 - 50
    assert slow - quick > 700, (quick, slow)


async def test_a_call_goes_on_with_settings_that_make_no_sense(system: System) -> None:
    """Whoever dispatches past the proxy."""

    way = Careless(system.livekit_url, system.api_key, system.api_secret, system.agent_name)
    async with Caller(way) as caller:
        await caller.wait_until_listening()
        assert await caller.until(lambda: bool(told(caller, "job", "settings")), 10)
        (settings,) = told(caller, "job", "settings")
    assert sorted(settings["ignored"]) == ["nonsense", "vad_threshold"]
    assert settings["vad_threshold"] == 0.5


async def test_a_call_without_a_detector_goes_on_and_says_so(
    system: System, tmp_path: Path
) -> None:
    """In every process of this worker the detector cannot be loaded."""
    (tmp_path / "sitecustomize.py").write_text(BREAKS_THE_DETECTOR)
    worker = await asyncio.to_thread(
        lambda: Worker(system, tmp_path, "test-deaf", PYTHONPATH=str(tmp_path))
    )
    way = ServerAccess(system.livekit_url, system.api_key, system.api_secret, worker.name)
    try:
        async with Caller(way) as caller:
            await caller.wait_until_listening()
            turn = await caller.say("hello who are you")
            assert turn.answered and turn.heard_text, worker.log()
            assert told(caller, "hear", "vad") == [{"backend": "loudness"}]
            verdict = await hear(system, caller.room)
        assert verdict["cause"] == "vad-missing", verdict
        assert "on purpose" in verdict["sentence"] and "loudness" in verdict["sentence"]
    finally:
        worker.stop()


async def hear(system: System, room: str) -> dict[str, Any]:
    """What the proxy says of the stage, once the call's events are there."""
    url = f"{system.proxy_url}/api/rooms/{room}/verdicts"
    async with aiohttp.ClientSession() as http, asyncio.timeout(15):
        while True:
            async with http.get(url) as answer:
                verdicts = {one["stage"]: one for one in (await answer.json())["verdicts"]}
            if verdicts["hear"]["cause"]:
                return dict(verdicts["hear"])
            await asyncio.sleep(0.2)
