"""Letta's memory holds what was said and what was heard, whatever interrupts, fails or is
speculated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from livekit.agents import llm

from tests.fast.agent.letta_call import PLAIN, Call
from tests.fast.agent.letta_replay import Answer, ReplayedLetta

CHECKPOINT = "voice room r (checkpoint)"
LEFT_BEHIND = ["voice room r", CHECKPOINT, CHECKPOINT]


@pytest.fixture
async def letta() -> AsyncIterator[ReplayedLetta]:
    letta = ReplayedLetta()
    runner = await letta.serve()
    yield letta
    await runner.cleanup()


@pytest.fixture
async def call(letta: ReplayedLetta) -> AsyncIterator[Call]:
    call = Call(letta)
    yield call
    await call.hang_up()
    await call.client.close()


async def test_only_the_new_turn_is_sent(call: Call, letta: ReplayedLetta) -> None:
    await call.turn("one")
    await call.turn("two")
    assert letta.requests == [[("user", "one")], [("user", "two")]]


async def test_a_call_leaves_one_conversation_with_what_was_said(
    call: Call, letta: ReplayedLetta
) -> None:
    await call.turn("one")
    await call.turn("two")
    await call.hang_up()
    assert len(letta.conversations) == 1
    assert letta.room().messages == [
        ("user", "one"),
        ("assistant", PLAIN),
        ("user", "two"),
        ("assistant", PLAIN),
    ]


async def test_of_a_stored_reply_only_the_heard_part_stays(
    call: Call, letta: ReplayedLetta
) -> None:
    await call.turn("one", heard="I heard")
    await call.turn("two")
    assert letta.requests[1] == [("user", "one"), ("assistant", "I heard"), ("user", "two")]
    assert letta.room().messages == [*letta.requests[1], ("assistant", PLAIN)]


async def test_a_reply_interrupted_while_it_is_written(call: Call, letta: ReplayedLetta) -> None:
    await call.interrupted("one", heard="I")
    await call.turn("two")
    assert letta.requests[1] == [("user", "one"), ("assistant", "I"), ("user", "two")]
    assert letta.room().messages == [*letta.requests[1], ("assistant", PLAIN)]


async def test_a_reply_of_which_nothing_was_heard(call: Call, letta: ReplayedLetta) -> None:
    await call.turn("one", heard="")
    await call.turn("two")
    assert letta.room().messages == [
        ("user", "one"),
        ("user", "two"),
        ("assistant", PLAIN),
    ]


async def test_what_a_forgotten_turn_wrote_into_memory_is_in_the_prompt(
    call: Call, letta: ReplayedLetta
) -> None:
    letta.answers.append(Answer("memory_tool"))
    await call.turn("remember that I like tea", heard="")
    await call.turn("two")
    assert letta.room().recompiled == 1
    await call.turn("three", heard="")  # forgotten as well, but it has changed nothing
    await call.turn("four")
    assert letta.room().recompiled == 0  # another fork, made of the one that was compiled


async def test_interrupted_after_the_last_word(call: Call, letta: ReplayedLetta) -> None:
    await call.turn("one", heard=PLAIN)
    await call.turn("two")
    assert letta.requests[1] == [("user", "two")]


async def test_many_interruptions_in_a_row(call: Call, letta: ReplayedLetta) -> None:
    await call.turn("one")
    await call.turn("two", heard="I")
    await call.interrupted("three", heard="I heard")
    await call.turn("four", heard="")
    await call.turn("five")
    await call.hang_up()
    assert letta.room().messages == [
        ("user", "one"),
        ("assistant", PLAIN),
        ("user", "two"),
        ("assistant", "I"),
        ("user", "three"),
        ("assistant", "I heard"),
        ("user", "four"),
        ("user", "five"),
        ("assistant", PLAIN),
    ]
    assert len(letta.conversations) == 1


async def test_hanging_up_in_the_middle_of_a_stored_reply(call: Call, letta: ReplayedLetta) -> None:
    await call.turn("one", heard="I heard you")
    await call.hang_up()
    assert letta.room().messages == []
    assert letta.beside == [("user", "one"), ("assistant", "I heard you")]
    assert len(letta.conversations) == 1


async def test_hanging_up_while_letta_writes(call: Call, letta: ReplayedLetta) -> None:
    await call.turn("one")
    await call.interrupted("two", heard="I")
    await call.hang_up()
    assert letta.room().messages == [("user", "one"), ("assistant", PLAIN)]
    assert letta.beside == [("user", "two"), ("assistant", "I")]
    assert len(letta.conversations) == 1


async def test_a_turn_that_settles_after_the_call_leaves_nothing(
    call: Call, letta: ReplayedLetta
) -> None:
    await call.turn("one")
    await call.hang_up()
    call.letta.turn_spoken()
    await asyncio.gather(*call.letta._settling)
    assert len(letta.conversations) == 1


async def test_words_said_while_hanging_up_are_kept(call: Call, letta: ReplayedLetta) -> None:
    await call.turn("one")
    call.history.items.append(llm.ChatMessage(role="user", content=["goodbye"]))
    await call.hang_up()
    assert letta.beside[0] == ("user", "goodbye")


async def test_words_without_a_reply_become_messages_of_the_agent(
    call: Call, letta: ReplayedLetta
) -> None:
    await call.turn("one", heard="I heard")
    await call.hang_up()
    assert letta.captured[0]["request_messages"] == [{"role": "user", "content": "one"}]
    assert letta.captured[0]["response_dict"] == {"content": "I heard"}
    assert call.emitted("job", "degraded")


async def test_a_server_that_cannot_fork_keeps_the_words_once(
    call: Call, letta: ReplayedLetta
) -> None:
    letta.can_fork = False
    await call.turn("one", heard="I heard")
    await call.turn("two")
    assert letta.requests[1] == [("user", "two")]
    assert call.emitted("job", "degraded")[0]["what"] == "memory"


async def test_without_forks_a_cancelled_turn_is_told_again(
    call: Call, letta: ReplayedLetta
) -> None:
    letta.can_fork = False
    await call.interrupted("one", heard="I")
    await call.turn("two")
    assert letta.requests[1] == [("user", "one"), ("assistant", "I"), ("user", "two")]


async def test_a_speculated_turn_that_was_never_committed_leaves_nothing(
    call: Call, letta: ReplayedLetta
) -> None:
    await call.turn("my favorite color", heard="", committed=False)
    await call.turn("my favorite color is green")
    assert letta.room().messages == [
        ("user", "my favorite color is green"),
        ("assistant", PLAIN),
    ]


async def test_the_same_turn_asked_twice_is_stored_once(call: Call, letta: ReplayedLetta) -> None:
    call.history.items.append(llm.ChatMessage(role="user", content=["one"]))
    for _ in range(2):
        reply = (await call.llm.chat(chat_ctx=call.history.copy()).collect()).text
    call.spoken(reply, None)
    await call.hang_up()
    assert letta.room().messages == [("user", "one"), ("assistant", PLAIN)]


async def test_a_later_job_goes_on_with_the_rooms_conversation(
    call: Call, letta: ReplayedLetta
) -> None:
    await call.turn("one", heard="I heard")
    await call.hang_up()
    later = Call(letta)
    await later.turn("two")
    await later.hang_up()
    await later.client.close()
    assert letta.beside == [("user", "one"), ("assistant", "I heard")]
    assert letta.room().messages == [("user", "two"), ("assistant", PLAIN)]


async def test_what_a_killed_job_left_behind_goes_with_the_next_call(
    call: Call, letta: ReplayedLetta
) -> None:
    killed = Call(letta)
    await killed.turn("one")
    async with asyncio.timeout(5):
        while [kept.summary for kept in letta.conversations.values()] != LEFT_BEHIND:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # the checkpoints are made in the background
    await killed.client.close()
    await call.turn("two")
    await call.hang_up()
    assert len(letta.conversations) == 1
    assert [text for _, text in letta.room().messages] == ["one", PLAIN, "two", PLAIN]


async def test_a_conversation_deleted_during_the_call_is_replaced(
    call: Call, letta: ReplayedLetta
) -> None:
    await call.turn("one")
    letta.conversations.clear()
    assert await call.turn("two") == PLAIN
    assert letta.room().messages == [
        ("user", "one"),
        ("assistant", PLAIN),
        ("user", "two"),
        ("assistant", PLAIN),
    ]


async def test_a_failed_turn_is_excused_and_remembered_with_the_next(
    call: Call, letta: ReplayedLetta
) -> None:
    letta.answers.append(Answer("model_gone"))
    excuse = await call.turn("one")
    assert "language model" in excuse
    error = call.emitted("think", "error")[0]
    assert error["code"] == "model_unreachable"
    assert "Connection error" in error["message"] and error["next_step"]
    assert await call.turn("two") == PLAIN
    assert letta.room().messages == [("user", "one"), ("user", "two"), ("assistant", PLAIN)]


async def test_a_reply_without_words_is_asked_for_once_more(
    call: Call, letta: ReplayedLetta
) -> None:
    letta.answers.append(Answer("wordless"))
    assert await call.turn("one") == PLAIN
    assert len(call.emitted("think", "retry")) == 1 and call.emitted("think", "error") == []
    assert await call.turn("two") == PLAIN
    assert letta.room().messages == [
        ("user", "one"),
        ("assistant", PLAIN),
        ("user", "two"),
        ("assistant", PLAIN),
    ]


async def test_a_reply_without_words_is_excused_in_the_end(
    call: Call, letta: ReplayedLetta
) -> None:
    letta.answers += [Answer("wordless"), Answer("wordless")]
    assert "no answer to that" in await call.turn("one")
    assert call.emitted("think", "error")[0]["code"] == "letta_said_nothing"
    assert await call.turn("two") == PLAIN
    assert letta.room().messages == [("user", "one"), ("user", "two"), ("assistant", PLAIN)]


async def test_a_server_error_is_told_in_words(call: Call, letta: ReplayedLetta) -> None:
    letta.answers.append(Answer(status=500))
    assert "memory" in await call.turn("one")
    assert call.emitted("think", "error")[0]["code"] == "letta_error"
    assert "the database is gone" in call.emitted("think", "error")[0]["message"]


@pytest.mark.parametrize("pings", [False, True])
async def test_no_first_token_in_time(call: Call, letta: ReplayedLetta, pings: bool) -> None:
    call.letta._first_token_timeout = 0.1
    gate = asyncio.Event()
    letta.answers.append(Answer(gate=gate, gate_before=1, pings=pings))
    assert "too long" in await call.turn("one")
    assert call.emitted("think", "error")[0]["code"] == "first_token_timeout"
    gate.set()
    call.letta._conversation._first_token_timeout = 5  # type: ignore[union-attr]
    assert await call.turn("two") == PLAIN


async def test_an_agent_that_does_not_exist(letta: ReplayedLetta) -> None:
    call = Call(letta, agent_id="agent-gone")
    assert "does not exist" in await call.turn("one")
    assert call.emitted("think", "error")[0]["code"] == "agent_not_found"
    await call.client.close()


async def test_letta_that_is_down(letta: ReplayedLetta) -> None:
    letta.url = "http://127.0.0.1:9"
    call = Call(letta, outage_limit=0)
    assert "cannot reach my memory" in await call.turn("one")
    error = call.emitted("think", "error")[0]
    assert error["code"] == "letta_unreachable"
    assert "http://127.0.0.1:9" in error["message"]
    await call.client.close()


async def test_the_first_agent_listed_is_used_when_none_is_named(letta: ReplayedLetta) -> None:
    call = Call(letta, agent_id=None)
    await call.letta.open()
    assert call.emitted("join", "conversation")[0]["agent_name"] == "Ada"
    await call.hang_up()
    await call.client.close()


async def test_tools_are_events_and_never_speech(call: Call, letta: ReplayedLetta) -> None:
    letta.answers.append(Answer("memory_tool"))
    reply = await call.turn("remember that I like tea")
    assert "memory_insert" not in reply
    (tool_call,) = call.emitted("think", "tool_call")
    assert tool_call["name"] == "memory_insert"
    assert "likes tea" in tool_call["arguments"]
    (returned,) = call.emitted("think", "tool_return")
    assert (returned["id"], returned["name"]) == (tool_call["id"], "memory_insert")
    assert returned["status"] == "success"
    assert call.emitted("think", "usage")[0]["total_tokens"] == 30
    assert call.emitted("think", "done")[0]["stop_reason"] == "end_turn"


async def test_an_interrupted_run_is_cancelled_at_once(call: Call, letta: ReplayedLetta) -> None:
    await call.letta.open()
    conversation_id = call.emitted("join", "conversation")[0]["conversation_id"]
    await call.interrupted("one", heard="I")
    assert await asyncio.wait_for(letta.cancelled.get(), 2) == conversation_id
