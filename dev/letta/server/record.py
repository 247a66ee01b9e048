"""One route more: put into a conversation what was said in it, without asking the model.

    POST /v1/conversations/{id}/messages/record
    {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}
    -> {"message_ids": ["message-…", …]}

A caller who hangs up while the agent speaks has heard only part of the reply. Letta's own routes
cannot say so: its messages cannot be changed, and every way of adding one asks the model to reply.
"""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from letta.schemas.letta_message_content import TextContent
from letta.schemas.message import Message
from letta.server.rest_api.dependencies import HeaderParams, get_headers, get_letta_server
from letta.server.server import SyncServer
from letta.services.conversation_manager import ConversationManager
from letta.validators import ConversationId
from pydantic import BaseModel, Field

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])


class Said(BaseModel):
    role: Literal["user", "assistant"]
    content: str = Field(min_length=1, max_length=100_000)


class Record(BaseModel):
    messages: list[Said] = Field(min_length=1, max_length=100)


class Recorded(BaseModel):
    message_ids: list[str]


@router.post("/{conversation_id}/messages/record", operation_id="record_conversation_messages")
async def record(
    conversation_id: ConversationId,
    said: Record,
    server: Annotated[SyncServer, Depends(get_letta_server)],
    headers: Annotated[HeaderParams, Depends(get_headers)],
) -> Recorded:
    """Append messages to a conversation, in order, as if they had been said in it."""
    actor = await server.user_manager.get_actor_or_default_async(actor_id=headers.actor_id)
    conversations = ConversationManager()
    conversation = await conversations.get_conversation_by_id(
        conversation_id=conversation_id, actor=actor
    )
    messages = [
        Message(
            role=one.role,
            content=[TextContent(text=one.content)],
            agent_id=conversation.agent_id,
            conversation_id=conversation_id,
        )
        for one in said.messages
    ]
    stored = await server.message_manager.create_many_messages_async(messages, actor=actor)
    ids = [message.id for message in stored]
    await conversations.add_messages_to_conversation(
        conversation_id=conversation_id,
        agent_id=conversation.agent_id,
        message_ids=ids,
        actor=actor,
    )
    return Recorded(message_ids=ids)
