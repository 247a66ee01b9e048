"""What a call leaves elsewhere: agents at the SFU, a conversation at Letta."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx
from livekit import api

from common.letta.backend import StoredMessage
from tests.faults.beside import beside
from tests.faults.call import Call
from tests.faults.injected import wait_until_calls_are_over
from tests.faults.loop_thread import LoopThread
from tests.running_system import System

LISTED = 100
CLEAN_WITHIN_S, ASKED_EVERY_S = 20.0, 0.2


def agents_in(system: System, room: str) -> list[str]:
    """The agents that the SFU shows in the room."""
    return _members(system, room, api.ParticipantInfo.Kind.AGENT)


def callers_in(system: System, room: str) -> list[str]:
    """The callers that the SFU shows in the room."""
    return _members(system, room, api.ParticipantInfo.Kind.STANDARD)


def _members(system: System, room: str, kind: int) -> list[str]:
    async def asked() -> list[str]:
        async with api.LiveKitAPI(system.livekit_url, system.api_key, system.api_secret) as sfu:
            there = await sfu.room.list_participants(api.ListParticipantsRequest(room=room))
        return [each.identity for each in there.participants if each.kind == kind]

    with LoopThread() as loop:
        return loop.run(asked())


def timeline(system: System, room: str, topic: str) -> list[dict[str, Any]]:
    """The data of the events of this topic, such as `job.process_ended`, in all calls of a room."""
    with httpx.Client(base_url=system.proxy_url) as proxy:
        calls = proxy.get("/api/calls").raise_for_status().json()["calls"]
        ids = [each["id"] for each in calls if each["room"] == room]
        told = [proxy.get(f"/api/calls/{one}?format=json").json()["events"] for one in ids]
    return [
        event["data"]
        for events in told
        for event in events
        if f"{event['stage']}.{event['name']}" == topic
    ]


class Before:
    """What a call had before something broke; made just before."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._agents = set(call.caller.agent_states)
        self._conversations = self._told()

    def another_listens(self, _: object = None) -> bool:
        """Whether the only agent that the caller sees is a new one, and listens."""
        there = self._call.caller.agent_states
        return list(there.values()) == ["listening"] and not set(there) & self._agents

    def is_the_same_agent(self) -> None:
        """The agent of then is there, and no other."""
        assert set(self._call.caller.agent_states) == self._agents

    def goes_on_in_the_same_conversation(self) -> None:
        """The conversation that the new agent opened is the one that the old agent had."""
        told = self._told()
        assert told[: len(self._conversations)] == self._conversations, "the events are others"
        opened = told[len(self._conversations)]
        assert opened == self._conversations[-1], f"{opened} was opened in place of {told[0]}"

    def _told(self) -> list[str]:
        return [str(each["conversation_id"]) for each in self._call.told("join", "conversation")]


@dataclass
class Memory:
    """What Letta has of a room: its conversations by what they are called, and what was said."""

    conversations: list[str]
    user: list[str]
    assistant: list[str]

    def held_once(self, *said: str) -> None:
        """Each of these sentences of the caller is there, and not twice."""
        plain = "\n".join(self.user).lower()
        for one in said:
            assert plain.count(one) == 1, f"{one!r} is not once in {self.user}"


def nothing_is_left(system: System, call: Call) -> Memory:
    """Wait until the room has one conversation and nothing else, after the call; what it holds."""
    return nothing_is_left_of(system, call.room, call.told("join", "conversation")[-1]["agent_id"])


def nothing_is_left_of(system: System, room: str, agent_id: str) -> Memory:
    """The same, of a room whose caller is a page."""
    wait_until_calls_are_over(system)  # the last words are stored when the job ends
    until_at = time.monotonic() + CLEAN_WITHIN_S
    while (kept := _memory(system, room, agent_id)).conversations != [f"voice room {room}"]:
        assert time.monotonic() < until_at, f"Letta has {kept.conversations} of room {room}"
        time.sleep(ASKED_EVERY_S)
    return kept


def _memory(system: System, room: str, agent_id: str) -> Memory:
    """What Letta has of a room now. The conversation is found as the room's next call finds it: at
    the end of a call a checkpoint may take the place of the one that the call told last."""

    async def asked() -> Memory:
        said: list[StoredMessage] = []
        async with system.letta() as letta:
            found = await letta.conversations(agent_id, f"voice room {room}")
            for one in found:
                if one.label == f"voice room {room}":
                    said += reversed(await letta.messages(one.id, LISTED))
        return Memory(
            sorted(one.label for one in found),
            [each.text for each in said if each.role == "user"],
            [each.text for each in said if each.role == "assistant"],
        )

    return beside(asked())
