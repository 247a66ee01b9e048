"""A bot that is in the room with a standard token: our agent talks with the caller, not with it."""

from __future__ import annotations

from dev.caller import Caller, ServerAccess
from tests.faults.call import VOICE, Call
from tests.faults.loop_thread import LoopThread
from tests.running_system import System
from tests.system.checkout import wait_for


class Uninvited(ServerAccess):
    """Comes with a token of its own, and asks for nobody."""

    async def dispatch(self, room: str, agent_id: str | None) -> str:
        return "nobody was asked"


def test_a_bot_that_was_there_first_is_not_the_caller(system: System) -> None:
    access = Uninvited(system.livekit_url, system.api_key, system.api_secret, "")
    with LoopThread() as loop:
        bot = loop.run(_made(access, "with-a-bot"))
        with loop.inside(bot), Call(system, room="with-a-bot") as call:
            call.listening()

            def listens_to() -> str:
                linked = call.told("hear", "linked")
                return str(linked[-1]["identity"]) if linked else ""

            wait_for("the agent listens to the caller", lambda: bool(listens_to()), 10.0)
            assert listens_to() == call.caller.identity != bot.identity
            call.answered("my favorite color is green", spoken=True)


async def _made(access: ServerAccess, room: str) -> Caller:
    return Caller(access, room, None, VOICE, record=False)
