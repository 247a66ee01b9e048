"""The server put together: its routes, and the models that they share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from common.vitals import Vitals
from dev.models import embeddings, end_of_turn, faults
from dev.models.guard import guard
from dev.models.hearing import stream, transcriptions
from dev.models.hearing.listening import Listening
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
VITALS = web.AppKey("vitals", Vitals)
CLIENT_LEFT = 499  # nobody gets it
MODELS = {
    "rehearsal": "chat",
    "whisper": "transcriptions",
    "piper": "speech",
    "hashed-ngrams": "embeddings",
}
log = logging.getLogger("models")


def make_app(settings: ModelsSettings) -> web.Application:
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[_errors, guard, *([faults.inject] if settings.faults_enabled else [])],
    )
    app[LISTENING] = listening = Listening(settings)
    app[SPEAKING] = speaking = Speaking(settings)
    app[END_OF_TURN] = turns = end_of_turn.EndOfTurn()
    app.add_routes(
        [
            web.get("/health", _health),
            web.get("/vitals", _vitals),
            web.get("/v1/models", _models),
            web.get("/v1/models/{model}", _model),
            *wire.routes(),
            *embeddings.routes(),
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
    return web.json_response(request.app[VITALS].data())


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [_card(name) for name in MODELS]})


async def _model(request: web.Request) -> web.Response:
    name = request.match_info["model"]
    if name not in MODELS:
        return refusal(404, f"there is no model {name!r}; there are {', '.join(MODELS)}", "model")
    return web.json_response(_card(name))


def _card(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "offline", "for": MODELS[name]}


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
