"""Run Letta's server on loopback, in this process, in the foreground.

    .venv-letta/bin/python dev/letta/server PLAN

PLAN is JSON: {port, endpoint, model, chosen, first_agent, log_level, log_format}; the rest comes
from the environment (see ../environ.py). Exit code 78 says that the reason has been told.
"""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

import asyncio
import errno
import gc
import io
import json
import logging
import socket
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import SimpleNamespace

# This folder is on the path because Python was given it; the checkout is needed instead, and only
# for our own imports: its other folders must not be found by Letta.
sys.path[0] = str(Path(__file__).resolve().parents[3])
from dev.letta.server import lazy, lean, logs  # noqa: E402

TOLD = 78
BACKLOG = 128
ENDS_S = 1


class Told(Exception):
    """Cannot go on, for the reason given."""


def main(plan):
    try:
        sockets = bind(plan["port"])
        load(plan["log_level"], plan["log_format"])
        asyncio.run(serve(plan, sockets))
    except Told as told:
        print(f"letta: {told}", file=sys.stderr, flush=True)
        return TOLD
    return 0


def bind(port):
    """Sockets on both loopback addresses, so that `localhost` finds us either way."""
    sockets = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            # With its protocol named, asyncio sends at once instead of gathering small packets.
            one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((address, port))
        except OSError as error:
            if family == socket.AF_INET6 and error.errno != errno.EADDRINUSE:
                continue  # a machine without IPv6
            raise Told(
                f"cannot listen on {address}, port {port} ({error.strerror}): stop what holds it, "
                f"or set LETTA_PORT to another port"
            ) from None
        sockets.append(one)
    return sockets


def load(log_level, log_format):
    """Import Letta, which is nearly all of a start: without the collector, which would look through
    a million new objects a hundred times, all of which stay."""
    gc.disable()
    sys.argv = ["letta", "--no-generation"]  # else it writes its OpenAPI into our folder
    with lazy.standing_in(), redirect_stdout(io.StringIO()):
        import letta.log

        logs.configure(log_level, log_format)
        lean.share_dependencies()
        lean.trust_our_types()
        lean.remember_statements()
        import letta.server.rest_api.app
    letta.server.server.print = lambda *_: None
    lean.skip_step_metrics()
    lean.let_go_of_watchdog()
    lean.hang_up_on_cancel()
    lean.share_connections()
    from dev.letta.server import books

    books.keep_short()
    gc.collect()
    gc.freeze()
    gc.enable()


async def serve(plan, sockets):
    asyncio.get_running_loop().set_exception_handler(logs.unheard)
    import letta
    import uvicorn
    from letta.server.rest_api.app import app, server

    from common.vitals import Vitals
    from dev.letta.server import models, record, schema, warm
    from dev.letta.server.guard import Guard
    from dev.letta.server.vitals_route import VitalsRoute

    vitals = Vitals()
    vitals.addFilter(logs.brief)
    logging.getLogger().addHandler(vitals)
    try:
        await schema.ensure(letta.__version__)
    except schema.WrongVersion as error:
        raise Told(
            f"the memory was made by Letta {error}, and this is Letta {letta.__version__}, which "
            f"must not touch it: go back to the version of this project that made it, or move the "
            f"folder letta/postgres of VOICE_HOME away to start with an empty memory"
        ) from None
    app.router.routes[:0] = [*record.router.routes, *warm.router.routes]
    # Letta's start would fetch language data from the network. Nothing but its readers of
    # documents uses it, and they fetch it themselves.
    sys.modules["nltk"] = SimpleNamespace(download=lambda *_, **__: False)
    await models.only_one(server, plan["endpoint"])
    config = uvicorn.Config(
        Guard(VitalsRoute(app, vitals)),
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=ENDS_S,
        backlog=BACKLOG,
    )
    listening = asyncio.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            listening.set()

    listener = Server(config)
    background = [
        asyncio.create_task(look_after(server, listening, plan, lambda: listener.should_exit)),
        asyncio.create_task(vitals.watch()),
    ]
    try:
        await listener.serve(sockets)
    finally:
        for task in background:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def look_after(server, listening, plan, ends):
    """What comes after the start, and needs the models server, which may come up later than we.

    A server that `ends()` before all is done refuses its own requests: nothing to tell.
    """
    from dev.letta.server import first_agent, models, warm

    await listening.wait()
    del sys.modules["nltk"]
    log = logging.getLogger("letta")
    log.info("the server answers at http://localhost:%s", plan["port"])
    try:
        await warm.up(server, plan["port"])
    except Exception:
        if ends():
            return
        log.warning("the first turn will be slow: the warm-up failed", exc_info=True)
    try:
        handle = await models.handle_of(server, plan["endpoint"], plan["model"], plan["chosen"])
        await models.move_agents(server, plan["endpoint"], handle)
        await first_agent.make_once(server, handle, plan["first_agent"])
    except Exception:
        if ends():
            return
        log.exception("the first agent could not be looked after; the server goes on without")
    await models.follow(server)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
