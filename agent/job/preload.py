"""Imported once in the server that job processes are forked from: what they share in memory.

Only imports and read-only data belong here: no threads, no event loop, no open connections. What a
call imports or builds when it first needs it is listed here too, because that would stop its event
loop.

The garbage collector is off meanwhile: importing makes hundreds of thousands of objects and leaves
no garbage, and looking for it takes a tenth of the time.
"""
# ruff: noqa: E402 - the collector is switched off before anything else is imported

from __future__ import annotations

import gc

gc.disable()

import logging
import typing

import anyio._backends._asyncio
import httpcore
import httpcore2
import livekit.agents.llm.async_toolset
import livekit.agents.voice.report
import numpy.fft
import openai.resources.audio
from letta_client.resources import agents, conversations
from letta_client.types import Conversation
from letta_client.types.agents import LettaStreamingResponse
from livekit.local_inference import init_vad

from agent import http_clients
from agent.job import job

SHARED = (
    agents,
    anyio,
    httpcore.AsyncConnectionPool,
    httpcore2.AsyncConnectionPool,
    conversations,
    job,
    livekit.agents.llm.async_toolset,
    livekit.agents.voice.report,
    numpy.fft,
    openai.resources.audio.AsyncSpeech,
    openai.resources.audio.AsyncTranscriptions,
    http_clients.CONTEXT,
)

for model in (Conversation, *typing.get_args(typing.get_args(LettaStreamingResponse)[0])):
    model.model_rebuild(force=True)  # the client puts this off until the first answer

try:
    init_vad()  # the detector's weights
except Exception:  # a native library: each process finds out, and its call goes on without
    logging.getLogger("agent.process").exception("the detector's weights could not be loaded")

gc.enable()
