"""Imported once in the server that job processes are forked from: what they share in memory.

Only imports and read-only data belong here: no threads, no event loop, no open connections.
"""

from __future__ import annotations

from letta_client.resources import agents, conversations
from livekit.local_inference import init_vad

from agent import job
from agent.speech import providers

SHARED = (agents, conversations, job, providers)

init_vad()  # the detector's weights
