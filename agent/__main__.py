"""`python -m agent`: runs the worker in the foreground until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from agent import REPLACES
from agent.worker import forkserver

QUIET_LOGGERS = (
    "letta_client",
    "httpx",
    "httpx2",
    "httpcore",
    "asyncio",
    "openai",
    "aiohttp.access",
    "websockets",
)
"""Their INFO and DEBUG lines say nothing of a call."""


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT):  # until the worker has its own handlers
        signal.signal(number, lambda *_: os._exit(0))
    if os.environ.get(REPLACES):
        # A person waits to see changed code; what calls share takes longest to import.
        forkserver.start()

    # Imported late: what calls share is imported meanwhile.
    from agent.settings import load
    from common import http_proxy, logs
    from common.settings import SettingsError

    try:
        settings = load()
    except SettingsError as error:
        print(f"agent: {error}", file=sys.stderr)
        return 2
    logs.configure(
        settings.log_level, settings.secrets, settings.log_format, "agent", QUIET_LOGGERS
    )
    os.environ.update(http_proxy.with_loopback(os.environ))
    forkserver.start()

    # Imported late: a wrong setting is reported at once, not after seconds of imports.
    from agent.worker.status import StatusPortTaken
    from agent.worker.takeover import CodeBroken
    from agent.worker.worker import AgentWorker

    try:
        asyncio.run(AgentWorker(settings).run())
    except StatusPortTaken as error:
        print(f"agent: {error}", file=sys.stderr)
        return 1
    except CodeBroken:
        print("agent: what calls run cannot be loaded; the reason is above", file=sys.stderr)
        return 1
    except forkserver.Gone as error:
        # The last error of the log: the launcher quotes it.
        logging.getLogger("agent.worker").error("%s: the worker ends, to be started again", error)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Taking the interpreter apart takes seconds on a busy machine, in which a restart would wait.
    os._exit(code)
