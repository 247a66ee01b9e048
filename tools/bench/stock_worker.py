"""The peer of every figure: livekit-agents as its documentation starts with it, nothing tuned.

    OPENAI_BASE_URL=http://localhost:8090/v1 OPENAI_API_KEY=none LIVEKIT_URL=… LIVEKIT_API_KEY=… \
        LIVEKIT_API_SECRET=… STOCK_AGENT_NAME=stock python -m tools.bench.stock_worker start

Silero's VAD in the process set-up, the openai plugins for speech and language, AgentSession's
defaults. Beyond that only what keeps the comparison fair: a loopback port of its own, no refusal of
calls when the machine is busy (by default neither the worker nor the server brings an agent while
the machine's load is over 0.7, and this machine carries the callers too), pcm instead of mp3
(quicker), and the two timings that our worker reports as well.
"""

from __future__ import annotations

import json
import os
import time

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess, cli
from livekit.plugins import openai, silero

server = AgentServer(host="127.0.0.1", port=0, load_fnc=lambda: 0.0)


def prewarm(process: JobProcess) -> None:
    process.userdata["vad"] = silero.VAD.load()


server.setup_fnc = prewarm


@server.rtc_session(agent_name=os.environ.get("STOCK_AGENT_NAME", "stock"))
async def entrypoint(ctx: JobContext) -> None:
    began = time.perf_counter()
    session: AgentSession[None] = AgentSession(
        stt=openai.STT(),
        llm=openai.LLM(),
        tts=openai.TTS(response_format="pcm"),
        vad=ctx.proc.userdata["vad"],
    )
    await ctx.connect()
    connected = time.perf_counter()
    await session.start(agent=Agent(instructions="You are a helpful assistant."), room=ctx.room)
    started = time.perf_counter()
    for name, moment in (("ctx_connected", connected), ("session_started", started)):
        data = {"elapsed_ms": round((moment - began) * 1000, 1)}
        event = {"at": time.time(), "source": "stock", "stage": "job", "name": name, "data": data}
        await ctx.room.local_participant.publish_data(json.dumps(event), topic="voice.event")


if __name__ == "__main__":
    cli.run_app(server)
