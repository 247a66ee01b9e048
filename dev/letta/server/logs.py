"""Log lines in the form of the whole system, and Letta's habits of logging kept down."""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

import logging
import sys

from common.logs import formatter

# They warn about what every single request does, or about features that are switched off.
NOISY = (
    "Letta.letta.orm.sqlalchemy_base",
    "Letta.letta.otel.metrics",
    "Letta.letta.schemas.secret",
    "Letta.letta.server.rest_api.app",
)
NOISE = (
    "Context token estimate is not set",  # said in every turn by a logger named after the agent
    "Exception in ASGI application",  # these two tell again what Letta's handler has told
    "Unhandled exception in request",
)
EXPECTED = ("NoActiveRunsToCancelError",)  # an interruption that came when the reply was complete
LINE = 500
RUNS = "Letta.letta.services.run_manager"
TALKATIVE = ("Letta", "httpx", "httpcore", "apscheduler", "openai", "uvicorn")


def unheard(loop, context):
    """The event loop's handler of exceptions that nobody awaits. A reply that was cancelled is
    closed by the garbage collector, and Letta takes that for an error of the model, each time."""
    coroutine = getattr(context.get("future"), "get_coro", lambda: None)()
    if type(coroutine).__name__ != "async_generator_athrow":
        loop.default_exception_handler(context)


def brief(record):
    """Drop what says nothing; of errors that Letta itself raises and answers with a status code
    (no such agent, nothing to cancel) keep one line."""
    if str(record.msg).startswith(NOISE):
        return False
    error = record.exc_info[1] if record.exc_info else None
    if type(error).__module__ in ("letta.errors", "letta.orm.errors"):
        if type(error).__name__ in EXPECTED:
            return False
        record.exc_info = record.exc_text = None
        said = record.getMessage().partition("\n")[0][:LINE]
        record.msg, record.args = f"{said} ({type(error).__name__})", ()
    return True


def configure(level, form):
    """In the place of what importing letta.log has set up, its file included. Letta tells every
    step of every request at INFO, so that much is shown from DEBUG on."""
    handler = logging.StreamHandler(sys.__stdout__)
    handler.setFormatter(formatter(form, (), "letta"))
    root = logging.getLogger()
    if level != "DEBUG":
        handler.addFilter(brief)
    for logger in (root, logging.getLogger("Letta"), logging.getLogger("uvicorn")):
        for old in logger.handlers:
            old.close()
        logger.handlers = []
    root.handlers = [handler]
    root.setLevel(level)
    debug = level == "DEBUG"
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO if debug else logging.WARNING)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.INFO if debug else logging.ERROR)
    # Its only errors say that a run which has just been cancelled is to be cancelled.
    logging.getLogger(RUNS).setLevel(logging.INFO if debug else logging.CRITICAL)
