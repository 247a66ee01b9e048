"""The server put together: its routes, and the models that they share."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from common.vitals import Vitals
from dev.models import embeddings, end_of_turn, faults
from dev.models.guard import ONLY_MINE, guard
from dev.models.hearing import stream, transcriptions
from dev.models.hearing.listening import Listening
from dev.models.local_models import EMBEDDINGS, LOCAL, LocalModels
from dev.models.refusal import refusal
from dev.models.rehearsal import wire
from dev.models.settings import ModelsSettings
from dev.models.speaking import endpoint
from dev.models.speaking.speaking import Speaking

# OpenAI takes files of 25 MB.
MAX_BODY_BYTES = 26 * 2**20
LISTENING = web.AppKey("listening", Listening)
SPEAKING = web.AppKey("speaking", Speaking)
END_OF_TURN = web.AppKey("end_of_turn", end_of_turn.EndOfTurn)
LOCAL_MODELS = web.AppKey("local_models", LocalModels)
VITALS = web.AppKey("vitals", Vitals)
CLIENT_LEFT = 499  # nobody gets it
MODELS = {
    "rehearsal": "chat",
    "whisper": "transcriptions",
    "piper": "speech",
    "hashed-ngram-embeddings": "embeddings",
}
log = logging.getLogger("models")


def make_app(settings: ModelsSettings) -> web.Application:
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[_errors, guard, *([faults.inject] if settings.faults_enabled else [])],
    )
    app[ONLY_MINE] = settings.local_users == "mine"
    app[LISTENING] = listening = Listening(settings)
    app[SPEAKING] = speaking = Speaking(settings)
    app[LOCAL_MODELS] = local = LocalModels(settings.chat_base_url, settings.chat_provider == LOCAL)
    app[END_OF_TURN] = turns = end_of_turn.EndOfTurn()
    app.add_routes(
        [
            web.get("/health", _health),
            web.get("/vitals", _vitals),
            web.get("/v1/models", _models),
            web.get("/v1/models/{model:.+}", _model),
            web.get("/local-models", _local_models),
            web.post("/v1/chat/completions", _chat),
            web.post("/v1/embeddings", _embeddings),
            *endpoint.routes(speaking),
            *transcriptions.routes(listening),
            *stream.routes(listening),
            *end_of_turn.routes(turns),
        ]
    )
    if settings.faults_enabled:
        app[faults.FAULTS] = []
        app.add_routes(faults.routes())
        log.warning("faults may be injected at /faults (FAULTS_ENABLED)")

    app[VITALS] = vitals = Vitals()

    async def life(_: web.Application) -> AsyncIterator[None]:
        logging.getLogger().addHandler(vitals)
        measuring = asyncio.create_task(vitals.watch(), name="vitals of the models")
        listening.start()
        speaking.start()
        turns.start()
        yield
        turns.close()
        listening.close()
        speaking.close()
        measuring.cancel()
        await local.close()
        logging.getLogger().removeHandler(vitals)

    app.cleanup_ctx.append(life)
    return app


async def _health(request: web.Request) -> web.Response:
    """503 while a model is being loaded. Without one the others still serve."""
    listening, speaking = request.app[LISTENING], request.app[SPEAKING]
    state = {
        "speech_to_text": listening.state,
        "text_to_speech": speaking.state,
        "voice": speaking.voice,
        "voice_problem": speaking.problem,
        "problem": " ".join(filter(None, (listening.problem, speaking.problem))),
        "waiting": listening.waiting,
        "end_of_turn": request.app[END_OF_TURN].state,
    }
    loading = "loading" in (listening.state, speaking.state)
    return web.json_response(state, status=503 if loading else 200)


async def _vitals(request: web.Request) -> web.Response:
    waiting = request.app[LISTENING].waiting
    return web.json_response({**request.app[VITALS].data(), "waiting": waiting})


async def _models(request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": list((await _cards(request)).values())})


async def _model(request: web.Request) -> web.Response:
    name, cards = request.match_info["model"], await _cards(request)
    if name not in cards:
        return refusal(404, f"there is no model {name!r}; there are {', '.join(cards)}", "model")
    return web.json_response(cards[name])


async def _cards(request: web.Request) -> dict[str, dict[str, object]]:
    """By name: our own, and the models of other servers on this machine."""
    local = request.app[LOCAL_MODELS]
    owners = {name: ("offline", what) for name, what in MODELS.items()}
    found = await local.found()
    if found or local.prefers_local:
        owners[LOCAL] = ("offline", "chat")
    owners |= {model.name: (model.server, "chat") for model in found}
    found_for_embeddings = await local.found(EMBEDDINGS)
    owners |= {model.name: (model.server, "embeddings") for model in found_for_embeddings}
    cards: dict[str, dict[str, object]] = {
        name: {"id": name, "object": "model", "created": 0, "owned_by": owner, "for": what}
        for name, (owner, what) in owners.items()
    }
    for name in cards.keys() & {wire.MODEL, LOCAL}:
        cards[name]["script"] = name == wire.MODEL or await local.is_script()
    return cards


async def _chat(request: web.Request) -> web.StreamResponse:
    """The rehearsal partner answers, unless a model that is found on this machine is asked."""
    local = request.app[LOCAL_MODELS]
    model = await local.named(await _asked_for(request))
    return await (local.hand_on(request, model) if model is not None else wire.chat(request))


async def _embeddings(request: web.Request) -> web.StreamResponse:
    local = request.app[LOCAL_MODELS]
    model = await local.named(await _asked_for(request), EMBEDDINGS)
    ours = embeddings.answer
    return await (local.hand_on(request, model) if model is not None else ours(request))


async def _asked_for(request: web.Request) -> object:
    try:
        return json.loads(await request.read()).get("model")
    except (ValueError, AttributeError):
        return None  # told by who answers then


async def _local_models(request: web.Request) -> web.Response:
    """What is found, each server's first model tried: it may have to be loaded for that."""
    local = request.app[LOCAL_MODELS]
    return web.json_response({"where": local.where, "servers": await local.tried()})


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal in OpenAI's shape; what nobody foresaw is logged with its traceback."""
    if request.method == "POST" or request.path.endswith("/stream"):
        request.app[VITALS].active()  # not when somebody only looks whether we are there
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        return refusal(413, f"the body is larger than {MAX_BODY_BYTES // 2**20} MB")
    except web.HTTPException as error:
        return refusal(error.status, f"{request.method} {request.path}: {error.reason}")
    except ConnectionError:  # whoever asked has left, as a caller who interrupts does
        return web.Response(status=CLIENT_LEFT)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return refusal(500, "the models server failed; its log has the traceback")
