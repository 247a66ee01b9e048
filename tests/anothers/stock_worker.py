"""A worker as somebody brings it: livekit-agents and its plugins, no line of ours.

    python -m tests.anothers.stock_worker start

The environment names what it needs (LIVEKIT_*, OPENAI_*), AGENT_NAME, and in STOCK_FAULT what is
wrong with it.
"""

from __future__ import annotations

import asyncio
import os
import time

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    JobContext,
    JobProcess,
    RunContext,
    cli,
    function_tool,
)
from livekit.plugins import openai, silero

FAULT = os.environ.get("STOCK_FAULT", "")
PREWARMS_S = 20
NOBODY = "http://127.0.0.1:9"
server = AgentServer(
    host="127.0.0.1",
    port=0,
    load_fnc=lambda: 1.0 if FAULT == "full" else 0.0,
    initialize_process_timeout=60.0,  # by default a process that loads for 10 s is killed
)


def prewarm(process: JobProcess) -> None:
    if FAULT == "prewarms-long":
        time.sleep(PREWARMS_S)
    process.userdata["vad"] = silero.VAD.load()


server.setup_fnc = prewarm


class Assistant(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are a helpful assistant.")

    @function_tool
    async def look_up_weather(self, context: RunContext[None], place: str) -> str:
        """Tell the weather of a place."""
        return f"It is sunny in {place}."


@server.rtc_session(agent_name=os.environ.get("AGENT_NAME", ""))
async def entrypoint(ctx: JobContext) -> None:
    if FAULT == "crashes":
        raise RuntimeError("the entrypoint of this worker is broken")
    if FAULT == "never-connects":
        await asyncio.sleep(60)
    await ctx.connect()
    if FAULT == "says-nothing":
        await asyncio.sleep(60)
    session: AgentSession[None] = AgentSession(
        stt=openai.STT(),
        llm=openai.LLM(base_url=f"{NOBODY}/v1") if FAULT == "llm-away" else openai.LLM(),
        tts=openai.TTS(response_format="pcm", voice="nobody" if FAULT == "tts-refuses" else "ash"),
        vad=ctx.proc.userdata["vad"],
    )
    await session.start(agent=Assistant(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
