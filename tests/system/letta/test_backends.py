"""What the seam promises (common/letta/backend.py), of each real Letta."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

import httpx
import pytest

from common.letta.app_server import AppServer
from common.letta.backend import (
    Agent,
    Backend,
    Part,
    Role,
    Stopped,
    StoredMessage,
    ToolCall,
    ToolReturn,
    Usage,
    Words,
)
from common.letta.errors import CONVERSATION_GONE, LettaError
from tests.system.letta.conftest import PERSONA
from tests.system.letta.lettas import Letta, connected


@dataclass(frozen=True)
class Said:
    role: Role
    text: str


def user(text: str) -> Said:
    return Said("user", text)


async def turn(backend: Backend, conversation_id: str, *messages: Said) -> list[Part]:
    return [part async for part in backend.run(conversation_id, messages)]


async def user_texts(backend: Backend, conversation_id: str) -> list[str]:
    stored = await backend.messages(conversation_id, 20)
    return [each.text for each in reversed(stored) if each.role == "user"]


@asynccontextmanager
async def failing_model(letta: Letta, **fault: int) -> AsyncIterator[None]:
    async with httpx.AsyncClient(base_url=letta.models_url) as models:
        (await models.post("/faults", json={"endpoint": "chat", **fault})).raise_for_status()
        try:
            yield
        finally:
            (await models.delete("/faults")).raise_for_status()


def words(parts: list[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Words))


async def test_the_first_agent_is_there_and_thinks(backend: Backend) -> None:
    first, *_ = await backend.agents(1)
    assert first.name == "Ada"
    assert (await backend.agent(first.id)) == first
    assert first.model in await backend.models()
    labels = {block.label for block in await backend.blocks(first.id)}
    assert labels == {"human", "persona"}


async def test_only_models_that_talk_are_offered(backend: Backend) -> None:
    models = await backend.models()
    names = [model.rpartition("/")[2] for model in models]
    assert [name for name in names if not name.startswith("letta")] == ["rehearsal"]


async def test_an_agent_is_made_and_thinks_with_the_model_of_the_first(
    backend: Backend, agent: Agent
) -> None:
    first, *_ = await backend.agents(1)
    assert agent.model == first.model
    assert agent.id in [each.id for each in await backend.agents(50)]
    blocks = {block.label: block.value for block in await backend.blocks(agent.id)}
    assert blocks == PERSONA
    assert (await backend.change_model(agent.id, str(agent.model))).id == agent.id


async def test_a_turn_has_words_their_count_and_an_end(backend: Backend, agent: Agent) -> None:
    conversation = await backend.create_conversation(agent.id, "voice room a")
    parts = await turn(backend, conversation, user("hello"))
    assert len([part for part in parts if isinstance(part, Words)]) > 1, "it is streamed"
    assert words(parts) and "system-reminder" not in words(parts)
    assert [part.reason for part in parts if isinstance(part, Stopped)] == ["end_turn"]
    (usage,) = [part for part in parts if isinstance(part, Usage)]
    assert usage.counts["completion_tokens"] > 0
    assert [each.role for each in await backend.messages(conversation, 10)] == ["assistant", "user"]
    assert await user_texts(backend, conversation) == ["hello"]


async def test_what_is_told_is_remembered_in_the_next_conversation(
    backend: Backend, agent: Agent
) -> None:
    one = await backend.create_conversation(agent.id, "voice room a")
    parts = await turn(backend, one, user("my name is Grace"))
    called = "".join(part.name for part in parts if isinstance(part, ToolCall))
    (returned,) = [part for part in parts if isinstance(part, ToolReturn)]
    assert called.startswith("memory_") and returned.status == "success"
    (at,) = [number for number, part in enumerate(parts) if isinstance(part, Usage)]
    assert at > parts.index(returned), "told once, of the whole turn"
    assert "Grace" in {b.label: b.value for b in await backend.blocks(agent.id)}["human"]
    other = await backend.create_conversation(agent.id, "voice room b")
    assert "Grace" in words(await turn(backend, other, user("what is my name?")))


async def test_two_calls_that_remember_at_once_both_remember(
    letta: Letta, backend: Backend, agent: Agent
) -> None:
    if not backend.keeps_history:
        pytest.skip("V1 does it itself")
    await backend.write_block(agent.id, "human", "name: Ada", "by a test")
    async with connected(letta) as other:
        facts = {"I like tea": backend, "my cat is called Felix": other, "I live in Rome": backend}

        async def call(fact: str, by: Backend) -> None:
            conversation = await by.create_conversation(agent.id, f"voice room {fact}")
            await turn(by, conversation, user(fact))

        await asyncio.gather(*(call(fact, by) for fact, by in facts.items()))
    human = {block.label: block.value for block in await backend.blocks(agent.id)}["human"]
    assert [word in human for word in ("Ada", "tea", "Felix", "Rome")] == [True] * 4, human


async def test_a_memory_that_somebody_has_changed_is_seen(backend: Backend, agent: Agent) -> None:
    conversation = await backend.create_conversation(agent.id, "voice room a")
    await turn(backend, conversation, user("hello"))
    await backend.write_block(agent.id, "human", "name: Linus", "by a test")
    await backend.refresh(conversation)
    assert "Linus" in words(await turn(backend, conversation, user("what is my name?")))
    if backend.keeps_history:
        newest, *_, oldest = await backend.versions(agent.id, "human", 10)
        assert newest.why == "by a test" and newest.at >= oldest.at
        assert await backend.version(agent.id, "human", newest.id) == "name: Linus"
        assert await backend.version(agent.id, "human", oldest.id) == PERSONA["human"]
    else:
        assert await backend.versions(agent.id, "human", 10) == []


async def test_a_conversation_is_found_by_its_label_until_it_is_closed(
    backend: Backend, agent: Agent
) -> None:
    one = await backend.create_conversation(agent.id, "voice room a")
    other = await backend.create_conversation(agent.id, "another")
    await backend.label(other, "voice room a (other)")
    found = {each.id: each.label for each in await backend.conversations(agent.id, "voice room a")}
    assert found == {one: "voice room a", other: "voice room a (other)"}
    await backend.close(one)
    await backend.close(one)
    assert [each.id for each in await backend.conversations(agent.id, "voice room a")] == [other]


@pytest.mark.parametrize("turns_before", [0, 1])
async def test_going_back_leaves_the_turn_out(
    backend: Backend, agent: Agent, turns_before: int
) -> None:
    conversation = await backend.create_conversation(agent.id, "voice room a")
    for number in range(turns_before):
        await turn(backend, conversation, user(f"turn {number}"))
    mark = await backend.mark(conversation, "voice room a (checkpoint)")
    await turn(backend, conversation, user("count to five"))
    back = await backend.go_back(mark)
    assert back != conversation
    said = [user("count to five"), Said("assistant", "One, two"), user("and now hello")]
    parts = await turn(backend, back, *said)
    assert words(parts) and "system-reminder" not in words(parts)
    texts = await user_texts(backend, back)
    before = [f"turn {number}" for number in range(turns_before)]
    assert texts == [*before, "count to five", "and now hello"]
    stored = await backend.messages(back, 20)
    assert StoredMessage("assistant", "One, two") in stored


async def test_a_mark_that_nobody_needs_is_forgotten(backend: Backend, agent: Agent) -> None:
    conversation = await backend.create_conversation(agent.id, "voice room a")
    await backend.forget(await backend.mark(conversation, "voice room a (checkpoint)"))
    await backend.tidy_up()
    assert len(await backend.conversations(agent.id, "voice room a")) == 1


async def test_a_turn_is_cancelled_and_another_begun(
    letta: Letta, backend: Backend, agent: Agent
) -> None:
    conversation = await backend.create_conversation(agent.id, "voice room a")
    mark = await backend.mark(conversation, "voice room a (checkpoint)")
    parts: list[Part] = []
    stalls = letta.kind == "app-server"  # V1 sees a cancel with the model's next word
    async with failing_model(letta, stall_after_bytes=2500) if stalls else nullcontext():
        async for part in backend.run(conversation, [user("count to twenty")]):
            parts.append(part)
            if len([each for each in parts if isinstance(each, Words)]) == 3:
                await backend.cancel(conversation, 5.0)
    if stalls:
        assert Stopped("cancelled") in parts
        assert "twenty" not in words(parts).lower()
    back = await backend.go_back(mark)
    assert words(await turn(backend, back, user("hello")))
    await backend.cancel(back, 5.0)  # nothing goes on anymore


async def test_words_without_a_reply_are_told_later(
    letta: Letta, backend: Backend, agent: Agent
) -> None:
    conversation = await backend.create_conversation(agent.id, "voice room a")
    await turn(backend, conversation, user("hello"))
    said = [user("my cat is called Ada"), Said("assistant", "What a")]
    inside = await backend.record(agent.id, conversation, said)
    assert inside == (letta.kind != "v1")
    async with connected(letta) as later:  # a job of another day
        await later.conversations(agent.id, "voice room a")
        await turn(later, conversation, user("good bye"))
        texts = await user_texts(later, conversation)
    assert texts == ["hello", *(["my cat is called Ada"] if inside else []), "good bye"]


async def test_a_good_bye_to_which_nothing_was_said_is_kept(backend: Backend, agent: Agent) -> None:
    conversation = await backend.create_conversation(agent.id, "voice room a")
    await turn(backend, conversation, user("hello"))
    inside = await backend.record(agent.id, conversation, [user("good bye")])
    if inside:
        assert await user_texts(backend, conversation) == ["hello", "good bye"]


async def test_who_is_not_there_is_said(backend: Backend, agent: Agent) -> None:
    gone = f"{agent.id[:-4]}0000"
    for ask in (backend.agent(gone), backend.create_conversation(gone, "x"), backend.blocks(gone)):
        with pytest.raises(LettaError) as raised:
            await ask
        assert raised.value.code == "agent_not_found" and gone in raised.value.message


async def test_an_agent_that_is_deleted_during_its_call_is_said(letta: Letta) -> None:
    if letta.kind == "v1":
        pytest.skip("the faults of a call have it")
    async with connected(letta) as backend:
        assert isinstance(backend, AppServer)
        agent = await backend.create_agent("Gone", PERSONA)
        conversation = await backend.create_conversation(agent.id, "voice room a")
        await backend._ask("agent_delete", agent_id=agent.id)
        with pytest.raises(LettaError) as raised:
            await turn(backend, conversation, user("hello"))
    assert raised.value.code == "agent_not_found" and agent.id in raised.value.message


async def test_a_conversation_that_is_gone_is_said(
    letta: Letta, backend: Backend, agent: Agent
) -> None:
    conversation = await backend.create_conversation(agent.id, "voice room a")
    with pytest.raises(LettaError) as raised:
        gone = f"{conversation}9999" if letta.kind == "app-server" else f"{conversation[:-4]}0000"
        await turn(backend, gone, user("hello"))
    assert raised.value.code == CONVERSATION_GONE


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_model_that_fails_is_told_apart_from_letta(
    letta: Letta, backend: Backend, agent: Agent, status: int
) -> None:
    """Its status is in the sentence."""
    conversation = await backend.create_conversation(agent.id, "voice room a")
    async with failing_model(letta, status=status):
        with pytest.raises(LettaError) as raised:
            await turn(backend, conversation, user("hello"))
    assert raised.value.provider == "model", raised.value
    assert str(status) in raised.value.message


async def test_whether_it_is_there(letta: Letta, backend: Backend) -> None:
    assert await backend.is_there(2.0)
    async with connected(Letta(letta.kind, letta.home, 1, 1)) as nobody:
        assert not await nobody.is_there(0.5)


async def test_an_agent_of_an_old_type_is_heard(letta: Letta, backend: Backend) -> None:
    """It answers by the tool send_message."""
    if letta.kind != "v1":
        pytest.skip("only V1 has such agents")
    first, *_ = await backend.agents(1)
    async with httpx.AsyncClient(base_url=letta.url, timeout=60) as rest:
        whole = (await rest.get(f"/v1/agents/{first.id}")).raise_for_status().json()
        body = {
            "name": "Old",
            "agent_type": "memgpt_agent",
            "model": whole["llm_config"]["handle"],
            "embedding": whole["embedding_config"]["handle"],
            "memory_blocks": [{"label": "human", "value": "nothing"}],
        }
        made = (await rest.post("/v1/agents/", json=body)).raise_for_status().json()
    agent = await backend.agent(made["id"])
    conversation = await backend.create_conversation(agent.id, "voice room a")
    parts = await turn(backend, conversation, user("use the tool send_message"))
    assert "{" not in words(parts), parts
    assert [part.reason for part in parts if isinstance(part, Stopped)], parts
