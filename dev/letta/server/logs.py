"""Log lines in the form of the whole system, and Letta's habits of logging kept down."""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

import logging
import sys

FORMAT = "%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s"
# They warn about what every single request does, or about features that are switched off.
NOISY = (
    "Letta.letta.orm.sqlalchemy_base",
    "Letta.letta.otel.metrics",
    "Letta.letta.schemas.secret",
    "Letta.letta.server.rest_api.app",
    "Letta.letta.services.run_manager",
)
NOISE = ("Context token estimate is not set",)  # said by loggers that are named after agents
TALKATIVE = ("Letta", "httpx", "httpcore", "apscheduler", "openai", "uvicorn")


def configure(level):
    """In the place of what importing letta.log has set up, its file included. Letta tells every
    step of every request at INFO, so that much is shown from DEBUG on."""
    handler = logging.StreamHandler(sys.__stdout__)
    handler.setFormatter(logging.Formatter(FORMAT, "%H:%M:%S"))
    root = logging.getLogger()
    if level != "DEBUG":
        handler.addFilter(lambda record: not str(record.msg).startswith(NOISE))
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
