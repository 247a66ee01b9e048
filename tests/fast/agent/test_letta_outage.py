"""Letta goes away during a call and comes back: the caller is told, and answered, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from letta_client import AsyncLetta

from agent.letta import outage
from agent.letta.excuses import CANNOT_REACH, ONE_MOMENT, READY, STILL_AWAY
from agent.letta.outage import OutageWatch, is_away
from common.letta.errors import LettaError
from common.letta.v1 import V1, explain
from tests.fast.agent.letta_call import PLAIN, Call
from tests.fast.agent.letta_replay import Answer, ReplayedLetta

SOON_S = 5.0


class Server:
    """A Letta that can go away and come back at the same address, with what it keeps."""

    def __init__(self, letta: ReplayedLetta) -> None:
        self.letta = letta
        self._runner: web.AppRunner | None = None

    async def come(self) -> None:
        self._runner = await self.letta.serve()

    async def go(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(outage, "LONGEST_PAUSE", 0.05)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server(ReplayedLetta())
    await server.come()
    yield server
    await server.go()


@pytest.fixture
async def call(server: Server) -> AsyncIterator[Call]:
    call = Call(server.letta)
    yield call
    await call.hang_up()
    await call.client.close()


async def wants_reply(call: Call) -> None:
    """Return when Letta is back and the call asks for a reply to what waits."""
    async with asyncio.timeout(SOON_S):
        await call.session.reply_wanted.wait()


async def reply(call: Call) -> str:
    """The reply that no new words of the caller asked for."""
    text = (await call.llm.chat(chat_ctx=call.history.copy()).collect()).text
    call.spoken(text, None)
    return text


async def test_the_pending_turn_is_answered_when_letta_is_back(server: Server, call: Call) -> None:
    await call.turn("one")
    await server.go()
    assert await call.turn("two") == ONE_MOMENT
    assert call.letta.letta_is_away
    await server.come()
    await wants_reply(call)
    assert await reply(call) == PLAIN
    assert not call.letta.letta_is_away
    await call.hang_up()
    assert server.letta.room().messages == [
        ("user", "one"),
        ("assistant", PLAIN),
        ("user", "two"),
        ("assistant", PLAIN),
    ]
    (waiting,) = call.emitted("think", "waiting")
    assert (waiting["turn"], waiting["code"], waiting["kind"]) == (
        2,
        "letta_unreachable",
        "refused",
    )
    assert call.emitted("think", "request")[-1] == {"turn": 3, "text": "two", "again": True}
    assert [back["turn"] for back in call.emitted("think", "back")] == [3]
    assert not call.emitted("think", "error")


async def test_what_is_said_meanwhile_is_answered_with_it_once(server: Server, call: Call) -> None:
    await call.turn("one")
    await server.go()
    assert await call.turn("two") == ONE_MOMENT
    assert await call.turn("three") == STILL_AWAY
    await server.come()
    await wants_reply(call)
    assert await reply(call) == PLAIN
    assert await reply(call) == "", "nothing waits any more"
    await call.hang_up()
    assert server.letta.room().messages[2:] == [
        ("user", "two"),
        ("user", "three"),
        ("assistant", PLAIN),
    ]


async def test_new_words_at_the_moment_of_the_return_carry_the_old(
    server: Server, call: Call
) -> None:
    await call.turn("one")
    await server.go()
    await call.turn("two")
    await server.come()
    await wants_reply(call)
    assert await call.turn("three") == PLAIN
    assert call.letta._unanswered_id is None
    assert server.letta.requests[-1] == [("user", "two"), ("user", "three")]


async def test_a_reply_that_broke_off_is_made_again(server: Server, call: Call) -> None:
    await call.turn("one")
    gate = asyncio.Event()
    server.letta.answers.append(Answer(gate=gate))
    turn = asyncio.create_task(call.turn("two"))
    await server.letta.started.wait()
    await server.go()
    broken = await turn
    assert broken.endswith(ONE_MOMENT)
    assert broken != ONE_MOMENT
    await server.come()
    await wants_reply(call)
    assert await reply(call) == PLAIN
    await call.hang_up()
    assert server.letta.room().messages[2:] == [("user", "two"), ("assistant", PLAIN)]


async def test_the_room_keeps_its_conversation_when_the_call_ends_soon_after(
    server: Server, call: Call
) -> None:
    """Going back to the checkpoint could not be told to Letta while it was away."""
    await call.turn("one")
    await server.go()
    await call.turn("two")
    call.letta.turn_spoken()
    await asyncio.sleep(0)
    await server.come()
    await wants_reply(call)
    await call.hang_up()
    assert [kept.summary for kept in server.letta.conversations.values()] == ["voice room r"]
    assert server.letta.room().messages == [("user", "one"), ("assistant", PLAIN)]
    assert server.letta.beside[0] == ("user", "two")


async def test_letta_that_is_there_only_later(server: Server) -> None:
    await server.go()
    call = Call(server.letta)
    with pytest.raises(LettaError) as raised:
        await call.letta.open()
    assert call.letta.excuse(raised.value) == ONE_MOMENT
    with pytest.raises(LettaError) as raised:
        await call.letta.open()
    assert call.letta.excuse(raised.value) == "", "it was said already"
    await server.come()
    async with asyncio.timeout(SOON_S):
        assert await call.session.sentences.get() == READY
    assert not call.letta.letta_is_away
    assert call.emitted("think", "back")
    assert await call.turn("one") == PLAIN
    await call.hang_up()
    await call.client.close()


async def test_letta_that_does_not_come_back(server: Server) -> None:
    call = Call(server.letta, outage_limit=0.1)
    await call.turn("one")
    await server.go()
    assert await call.turn("two") == ONE_MOMENT
    async with asyncio.timeout(SOON_S):
        assert await call.session.sentences.get() == CANNOT_REACH
    (error,) = call.emitted("think", "error")
    assert error["code"] == "letta_unreachable"
    assert "LETTA_PATIENCE" in error["message"]
    assert await call.turn("three") == CANNOT_REACH, "it was waited for already"
    await server.come()
    assert await call.turn("four") == PLAIN
    assert server.letta.requests[-1] == [("user", "two"), ("user", "three"), ("user", "four")]
    await server.go()
    assert await call.turn("five") == ONE_MOMENT, "it has been there since"
    await call.hang_up()
    await call.client.close()


async def test_an_outage_limit_of_zero(server: Server) -> None:
    call = Call(server.letta, outage_limit=0)
    await server.go()
    assert await call.turn("one") == CANNOT_REACH
    assert not call.letta.letta_is_away
    await call.client.close()


async def test_a_letta_that_breaks_every_request_is_not_asked_for_ever(server: Server) -> None:
    """It answers whether it lives, and nothing else."""
    given_up: asyncio.Queue[float] = asyncio.Queue()
    client = AsyncLetta(base_url=server.letta.url, api_key="k", max_retries=0)
    letta_error = explain(ConnectionResetError(), server.letta.url)
    letta_error.code = "letta_stream_ended"
    watch = OutageWatch(
        V1(client), 0.2, lambda: None, lambda _, seconds: given_up.put_nowait(seconds)
    )
    requests = 0
    while watch.begin(letta_error):
        requests += 1
        await asyncio.sleep(0.02)
    assert await given_up.get() >= 0.2
    assert requests > 1
    await client.close()


def test_which_errors_are_waited_for() -> None:
    refused = explain(ConnectionRefusedError(), "http://letta")
    assert not is_away(refused), "an error of ours"
    refused.code = "letta_unreachable"
    assert is_away(refused)
    missing = LettaError("agent_not_found", "", "")
    assert not is_away(missing)


async def test_a_caller_who_speaks_when_letta_is_back_is_heard_out_first(
    server: Server, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.letta.call.TURN_BEGINS_AFTER", 0.01)
    await call.turn("one")
    await server.go()
    await call.turn("two")
    call.session.speaking = True
    await server.come()
    async with asyncio.timeout(SOON_S):
        await call.session.looked_at.wait()
    assert not call.session.reply_wanted.is_set()
    call.session.speaking = False
    await wants_reply(call)


async def test_the_end_of_the_call_ends_a_recovery(server: Server, call: Call) -> None:
    await call.turn("one")
    await server.go()
    await call.turn("two")
    call.session.speaking = True
    await server.come()
    async with asyncio.timeout(SOON_S):
        await call.session.looked_at.wait()
    (recovering,) = call.letta._recovering
    await call.hang_up()
    assert recovering.cancelled()
    assert not call.session.reply_wanted.is_set()
