"""Which models Letta knows: those its one endpoint lists, as soon as that answers.

Letta by itself asks once, at its start, and never again; here it asks now and then. Nor does it
notice that the endpoint has moved, since it stores the address with its provider and every agent.
"""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

import asyncio
import logging
import time

from letta.model_specs.litellm_model_specs import load_model_specs
from letta.schemas.agent import UpdateAgent
from letta.server import db
from sqlalchemy import text

from common.model_cards import is_for_chat

log = logging.getLogger("letta")

PROVIDER = "openai"  # Letta's name for whatever speaks OpenAI's protocol
FIRST_WAIT_S, LONGEST_WAIT_S, SAY_AGAIN_S = 0.3, 5.0, 60.0
FOLLOW_S = 20.0
SHOWN = 12
MANY_AGENTS = 1000
EMBEDDING = "openai/text-embedding-3-small"  # for the long-term archive, which we do not use
MOVE = (
    "UPDATE providers SET base_url = :endpoint WHERE name = :name "
    "AND provider_category = 'base' AND base_url IS DISTINCT FROM :endpoint RETURNING id"
)


async def only_one(server, endpoint):
    """Before Letta starts: it has this endpoint and no other, and does not wait for its answer."""
    server._enabled_providers = [one for one in server._enabled_providers if one.name == PROVIDER]
    server._sync_provider_models_async = _nothing
    async with db.engine.begin() as connection:
        named = {"endpoint": endpoint, "name": PROVIDER}
        for provider in (await connection.execute(text(MOVE), named)).scalars():
            await connection.execute(
                text("DELETE FROM provider_models WHERE provider_id = :id"), {"id": provider}
            )


async def _nothing():
    """In the place of Letta's own question at start, which only logs a traceback when it fails."""


async def handle_of(server, endpoint, model, chosen):
    """Wait until the endpoint lists the model, and say what is waited for; its handle in Letta.
    `chosen` says that a person named the model: then no other will do."""
    wait, said = FIRST_WAIT_S, ("", 0.0)
    while True:
        handle, why = await _try(server, endpoint, model, chosen)
        if handle:
            return handle
        if why != said[0] or time.monotonic() - said[1] > SAY_AGAIN_S:
            log.warning("agents cannot think yet: %s; trying again until it works", why)
            said = (why, time.monotonic())
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, LONGEST_WAIT_S)


async def follow(server):
    """Offer what the endpoint lists later as well: a model that was fetched, or another server."""
    provider = next(one for one in server._enabled_providers if one.name == PROVIDER)
    listed = None
    while True:
        try:
            cards = sorted(card["id"] for card in await provider._get_models_async())
            if listed is not None and cards != listed:
                log.info("the endpoint lists other models now: %s", ", ".join(await _sync(server)))
            listed = cards
        except Exception as error:  # as in _try; what is away lists nothing new
            log.debug("the models are not listed: %s", error)
        await asyncio.sleep(FOLLOW_S)


async def _try(server, endpoint, model, chosen):
    try:
        handles = await _sync(server)
    except Exception as error:  # whatever a server that is not one, or is not up, makes of it
        reason = str(error).strip() or type(error).__name__
        return None, f"the models server at {endpoint} does not answer ({reason})"
    for handle in handles:
        if handle.partition("/")[2] == model:
            return handle, ""
    listed = ", ".join(handle.partition("/")[2] for handle in handles[:SHOWN]) or "none"
    if not chosen and handles:
        log.warning(
            "%s has no model %s; taking %s (set CHAT_MODEL to choose among: %s)",
            endpoint, model, handles[0].partition("/")[2], listed,
        )  # fmt: skip
        return handles[0], ""
    return None, f"{endpoint} has no model {model}; set CHAT_MODEL to one it lists ({listed})"


async def _sync(server):
    """Ask the endpoint and store what it lists; the handles of its language models.

    Letta takes whatever is listed for a language model: it is not offered the others."""
    provider = next(one for one in server._enabled_providers if one.name == PROVIDER)
    cards = [card for card in await provider._get_models_async() if is_for_chat(card)]
    models = await provider._list_llm_models(cards)
    embeddings = await provider.list_embedding_models_async()
    stored = await server.provider_manager.list_providers_async(actor=server.default_user)
    await server.provider_manager.sync_provider_models_async(
        provider=next(one for one in stored if one.name == PROVIDER),
        llm_models=models,
        embedding_models=embeddings,
        organization_id=None,
    )
    load_model_specs.cache_clear()  # the prices of two thousand models: 12 MB
    return [model.handle for model in models]


async def move_agents(server, endpoint, handle):
    """Agents whose model is not to be had from this endpoint use `handle` from now on, and those
    whose endpoint has only moved follow it."""
    actor = server.default_user
    known = await server.list_llm_models_async(actor=actor)
    known = {model.handle for model in known}
    for agent in await server.agent_manager.list_agents_async(actor=actor, limit=MANY_AGENTS):
        model = agent.llm_config
        if model.handle in known and model.model_endpoint == endpoint:
            continue
        new = model.handle if model.handle in known else handle
        change = UpdateAgent(model=new, context_window_limit=model.context_window)
        if agent.embedding_config:
            change.embedding = EMBEDDING
        await server.update_agent_async(agent.id, change, actor=actor)
        log.info(
            "agent %s (%s) thought with %s at %s; it now thinks with %s at %s",
            agent.name, agent.id, model.handle, model.model_endpoint, new, endpoint,
        )  # fmt: skip
