"""The worker: LiveKit's AgentServer for speech, a Letta agent as the language model."""

import common  # noqa: F401  (what it says of telemetry, before anything else)

REPLACES = "VOICE_REPLACES"
"""Set by the launcher when it tries changed code: the pid of the worker that is to be replaced."""
