"""A call is over when its callers are gone: at once after a goodbye, later after a lost connection;
a lost room is told from one that somebody left, or was thrown out of."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from livekit import rtc

from agent.job import room_exit
from agent.job.room_exit import BY_WORKER, Callers, LostRoom

Reason = rtc.DisconnectReason
HUNG_UP, LOST = Reason.CLIENT_INITIATED, Reason.CONNECTION_TIMEOUT


class Room(rtc.EventEmitter[Any]):
    """As much of a room as deciding needs: who is in it, and who comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.remote_participants: dict[str, Any] = {}

    def join(
        self,
        identity: str,
        kind: int = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
        **attributes: Any,
    ) -> None:
        participant = SimpleNamespace(
            identity=identity, kind=kind, disconnect_reason=None, attributes=attributes
        )
        self.remote_participants[identity] = participant
        self.emit("participant_connected", participant)

    def leave(self, identity: str, reason: int) -> None:
        participant = self.remote_participants.pop(identity)
        participant.disconnect_reason = reason
        self.emit("participant_disconnected", participant)


class RoomIO:
    """As much of LiveKit's RoomIO: whom the session listens to."""

    def __init__(self) -> None:
        self.linked_participant: Any = None

    def set_participant(self, identity: str) -> None:
        self.linked_participant = SimpleNamespace(identity=identity)


class Call:
    def __init__(self, absence_timeout: float = 10.0) -> None:
        self.room, self.room_io = Room(), RoomIO()
        self.room.join("caller-1")
        self.room_io.set_participant("caller-1")
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        session: Any = SimpleNamespace(room_io=self.room_io)
        room: Any = self.room
        self.linked: list[str | None] = []
        self.callers = Callers(
            room, session, absence_timeout, self.over.set_result, linked=self.linked.append
        )

    @property
    def listens_to(self) -> str:
        return str(self.room_io.linked_participant.identity)


@pytest.fixture
async def call() -> Call:
    return Call()


async def test_hanging_up_ends_the_call_at_once(call: Call) -> None:
    call.room.leave("caller-1", HUNG_UP)
    assert "CLIENT_INITIATED" in await asyncio.wait_for(call.over, 1)


async def test_a_lost_connection_may_come_back(call: Call) -> None:
    call.room.leave("caller-1", LOST)
    call.room.join("caller-1")
    assert call.callers._timer is None
    assert not call.over.done()


async def test_a_lost_connection_that_does_not_come_back() -> None:
    call = Call(absence_timeout=0.01)
    call.room.leave("caller-1", LOST)
    assert "CONNECTION_TIMEOUT" in await asyncio.wait_for(call.over, 1)


async def test_with_two_callers_the_agent_goes_on_with_the_other(call: Call) -> None:
    call.room.join("caller-2")
    assert call.listens_to == "caller-1"
    call.room.leave("caller-1", HUNG_UP)
    assert call.listens_to == "caller-2"
    assert not call.over.done()
    call.room.leave("caller-2", HUNG_UP)
    assert await asyncio.wait_for(call.over, 1)
    assert call.linked == ["caller-1", "caller-2"]  # the timeline is told whom it listens to


async def test_a_bot_with_a_standard_token_is_listened_to_only_without_a_caller(
    call: Call,
) -> None:
    """The one who was there first has come with a token of its own."""
    token_of_the_proxy: dict[str, Any] = {room_exit.CALLER: "true"}
    call.room.join("caller-2", **token_of_the_proxy)
    assert call.listens_to == "caller-2"
    call.room.join("bot")
    assert call.listens_to == "caller-2"
    call.room.join("phone", rtc.ParticipantKind.PARTICIPANT_KIND_SIP)
    assert call.listens_to == "caller-2"
    call.room.leave("caller-2", HUNG_UP)
    assert call.listens_to == "phone"
    call.room.leave("phone", HUNG_UP)
    assert call.listens_to == "caller-1", "it is the only other"
    assert call.linked == ["caller-1", "caller-2", "phone", "caller-1"]


async def test_a_caller_who_was_there_before_the_agent_is_preferred_too() -> None:
    room: Any = Room()
    room.join("bot")
    token_of_the_proxy: dict[str, Any] = {room_exit.CALLER: "true"}
    room.join("caller-1", **token_of_the_proxy)
    room_io = RoomIO()
    room_io.set_participant("bot")
    session: Any = SimpleNamespace(room_io=room_io)
    Callers(room, session, 10.0, lambda _: None)
    assert room_io.linked_participant.identity == "caller-1"


@pytest.mark.parametrize(("caller_waited", "leaves"), [(True, True), (False, False)])
async def test_an_empty_room_is_left_soon_if_somebody_was_there_before(
    monkeypatch: pytest.MonkeyPatch, caller_waited: bool, leaves: bool
) -> None:
    monkeypatch.setattr(room_exit, "GONE_TIMEOUT", 0.01)
    over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    room: Any = Room()
    session: Any = SimpleNamespace(room_io=RoomIO())
    watching = Callers(room, session, 10.0, over.set_result, caller_waited)
    await asyncio.wait({over}, timeout=0.1)
    assert over.done() == leaves
    watching.aclose()


async def test_another_agent_is_no_caller(call: Call) -> None:
    call.room.join("agent-2", rtc.ParticipantKind.PARTICIPANT_KIND_AGENT)
    call.room.leave("caller-1", HUNG_UP)
    assert await asyncio.wait_for(call.over, 1)


async def test_after_the_call_nothing_is_decided_anymore(call: Call) -> None:
    call.callers.aclose()
    call.room.leave("caller-1", HUNG_UP)
    await asyncio.sleep(0)
    assert not call.over.done()


@pytest.mark.parametrize(
    ("reason", "lost_reason"),
    [
        (Reason.SERVER_SHUTDOWN, "SERVER_SHUTDOWN"),
        (Reason.CONNECTION_TIMEOUT, "CONNECTION_TIMEOUT"),
        (Reason.UNKNOWN_REASON, "UNKNOWN_REASON"),
        (Reason.CLIENT_INITIATED, None),
        (Reason.PARTICIPANT_REMOVED, None),
        (Reason.ROOM_DELETED, None),
        (Reason.DUPLICATE_IDENTITY, None),
    ],
)
def test_whether_a_room_is_lost(reason: Reason.ValueType, lost_reason: str | None) -> None:
    room: Any = rtc.EventEmitter()
    lost = LostRoom(room)
    room.emit("disconnected", reason)
    assert lost.reason("the caller left") == lost_reason


def test_a_room_is_lost_when_the_worker_ends_a_job_that_connects_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room: Any = rtc.EventEmitter()
    lost = LostRoom(room)
    assert lost.reason(BY_WORKER) is None
    room.emit("reconnecting")
    assert lost.reason("the caller left") is None
    assert lost.reason(BY_WORKER) == "SIGNAL_CLOSE"
    room.emit("reconnected")
    assert lost.reason(BY_WORKER) == "SIGNAL_CLOSE"  # the server may end it late
    monkeypatch.setattr(room_exit, "ENDED_WITHIN_S", 0.0)
    assert lost.reason(BY_WORKER) is None


def test_a_room_is_lost_when_the_worker_ends_a_job_that_could_not_connect_at_first() -> None:
    room: Any = rtc.EventEmitter()
    lost = LostRoom(room)
    lost.troubled()
    assert lost.reason(BY_WORKER) == "SIGNAL_CLOSE"
    room.emit("disconnected", Reason.SERVER_SHUTDOWN)
    assert lost.reason(BY_WORKER) == "SERVER_SHUTDOWN"
