"""The worker: LiveKit's AgentServer for ears and mouth, a Letta agent for the mind."""

REPLACES = "VOICE_REPLACES"
"""Set by the launcher when it tries changed code: the pid of the worker that is to be replaced."""
