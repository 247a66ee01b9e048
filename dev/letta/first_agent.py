"""The first agent, made once, so that there is somebody to talk with; `python -m
dev.letta.first_agent HANDLE` waits for the server, and ends.

Agents whose model is not to be had any more think with HANDLE from now on.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from common.letta.app_server import AppServer
from common.letta.errors import LettaError
from common.settings import revealed
from dev.letta.console import say
from dev.letta.settings import LettaSettings

NAME = "Ada"
PERSONA = """\
My name is Ada. I am friendly, curious and to the point.
I talk with people over the phone or a microphone: what I write is spoken aloud.
I answer in one to three short sentences of plain words, as one speaks.
I ask back when I have not understood."""
HUMAN = "I know nothing about this person yet."
MANY = 200
PAUSE_S, SAY_AGAIN_S = 0.3, 60.0


async def main(handle: str) -> None:
    settings = LettaSettings()
    parent = os.getppid()
    letta = AppServer(
        f"http://127.0.0.1:{settings.letta_port}",
        revealed(settings.letta_api_key) or "",
        settings.folder.parent / "letta-memory.lock",
    )
    file = settings.folder / "app-server" / "first-agent"  # not that of an older memory
    said, said_at = "", 0.0
    clock = asyncio.get_running_loop().time
    try:
        while os.getppid() == parent:
            why: str | None = ""
            try:
                if await letta.is_there(1.0):
                    why = await _ready(letta, handle, file)
            except LettaError as error:
                why = str(error)
            if why is None:
                return
            if why and (why != said or clock() - said_at > SAY_AGAIN_S):
                say(f"agents cannot think yet: {why}; trying again until it works", level="WARNING")
                said, said_at = why, clock()
            await asyncio.sleep(PAUSE_S)
    finally:
        await letta.aclose()


async def _ready(letta: AppServer, handle: str, file: Path) -> str | None:
    """Have a first agent, and all of them think with what there is; what is missing for that."""
    models = await letta.models()
    agents = await letta.agents(MANY)
    if handle not in models and not file.exists():
        return f"there is no model {handle}; there are {', '.join(models) or 'none'}"
    for agent in agents:
        if agent.model not in models and handle in models:
            await letta.change_model(agent.id, handle)
            say(f"agent {agent.name} ({agent.id}) thought with {agent.model}, now with {handle}")
    if not file.exists():
        first = agents[0] if agents else None
        if first is None:
            blocks = {"human": HUMAN, "persona": PERSONA}
            first = await letta.create_agent(NAME, blocks, handle)
            say(f"made the first agent, {NAME} ({first.id}), thinking with {handle}")
        aside = file.with_name(f"{file.name}.new")
        aside.write_text(f"{first.id}\n")
        aside.replace(file)
    return None


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
