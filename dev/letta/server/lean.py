"""What makes this Letta start sooner, stay smaller and answer sooner than it does by itself.

Each function names what it saves, measured on two slow cores with letta 0.16.8. All of it changes
how, not what: the same routes (but the undocumented copy under /latest), the same answers.
"""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

import functools
import inspect
from contextlib import suppress

KEEP_ALIVE_S = 55.0


def share_dependencies():
    """FastAPI describes the dozen headers of Letta's `get_headers` anew for each of 760 routes, and
    a third of those is a copy of the API under /latest. Saves 44 MB and 2.6 s of the start."""
    import fastapi
    from fastapi.dependencies import utils

    describe = utils.get_dependant
    shared = {}

    def get_dependant(**named):
        call, name = named["call"], named.get("name")
        scopes = named.get("own_oauth_scopes") or named.get("parent_oauth_scopes")
        in_path = utils.get_path_param_names(named["path"])
        if name is None or scopes or in_path & set(inspect.signature(call).parameters):
            return describe(**named)
        key = (call, name, named.get("use_cache"), named.get("scope"))
        if key not in shared:
            shared[key] = describe(**named)
        return shared[key]

    utils.get_dependant = get_dependant

    include = fastapi.FastAPI.include_router

    @functools.wraps(include)
    def include_router(self, router, *, prefix="", **named):
        if prefix != "/latest":
            include(self, router, prefix=prefix, **named)

    fastapi.FastAPI.include_router = include_router


def trust_our_types():
    """Letta's managers look up their own type hints at every call to check the caller's arguments.
    Saves 0.6 s of the start and some 10 ms of each turn."""
    import letta.utils

    letta.utils.enforce_types = lambda function: function


def skip_step_metrics():
    """How long each step took, which we measure ourselves: two more statements in each turn, and
    two tasks that now and then want to insert the same row."""
    from letta.services.step_manager import StepManager

    async def nothing(self, *_, **__):
        pass

    StepManager.record_step_metrics_async = nothing


def let_go_of_watchdog():
    """A thread that looks every second whether the event loop still turns, and takes two seconds to
    end. Others watch us from outside."""
    from letta.monitoring import event_loop_watchdog

    event_loop_watchdog.start_watchdog = lambda *_, **__: None


def hang_up_on_cancel():
    """When a run is cancelled, Letta forgets the model's reply half read: the model goes on talking
    until the garbage collector comes by. Close it at once."""
    from letta.adapters.simple_llm_stream_adapter import SimpleLLMStreamAdapter
    from letta.services import streaming_service

    replies = {}
    invoke = SimpleLLMStreamAdapter.invoke_llm
    watch = streaming_service.cancellation_aware_stream_wrapper

    def invoke_llm(self, *arguments, **named):
        replies[self.run_id] = reply = invoke(self, *arguments, **named)
        return reply

    async def until_cancelled(*, run_id, **named):
        try:
            async for chunk in watch(run_id=run_id, **named):
                yield chunk
        finally:
            if reply := replies.pop(run_id, None):
                with suppress(
                    Exception
                ):  # Letta takes the end of reading for an error of the model
                    await reply.aclose()

    SimpleLLMStreamAdapter.invoke_llm = invoke_llm
    streaming_service.cancellation_aware_stream_wrapper = until_cancelled


def share_connections():
    """Letta makes an OpenAI client for every request to a model: reads the certificates of all
    authorities (26 ms), and a new connection, with a TLS handshake when the model is far away."""
    import httpx
    import letta.llm_api.openai_client as module
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    shared = {}

    def client(*, api_key, base_url, default_headers=None):
        key = (api_key, base_url, tuple(sorted((default_headers or {}).items())))
        if key not in shared:
            limits = httpx.Limits(max_connections=None, keepalive_expiry=KEEP_ALIVE_S)
            shared[key] = AsyncOpenAI(
                api_key=api_key,
                base_url=base_url,
                default_headers=default_headers,
                http_client=DefaultAsyncHttpxClient(limits=limits),
            )
        return shared[key]

    module.AsyncOpenAI = client


def remember_statements():
    """Letta has Postgres parse each of the hundred statements of a turn again, since it expects a
    connection pooler that cannot remember them. Saves some 20 ms of each turn."""
    import letta.server.db as db
    from letta.settings import settings
    from sqlalchemy.ext.asyncio import create_async_engine

    db.engine = create_async_engine(
        db.async_pg_uri,
        pool_size=settings.pg_pool_size,
        max_overflow=settings.pg_max_overflow,
        pool_timeout=settings.pg_pool_timeout,
        pool_use_lifo=True,
        connect_args={"statement_cache_size": 0, "prepared_statement_cache_size": 500},
    )
    db.async_session_factory.configure(bind=db.engine)
