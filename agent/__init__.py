"""The worker: LiveKit's AgentServer for speech, a Letta agent as the language model."""

REPLACES = "VOICE_REPLACES"
"""Set by the launcher when it tries changed code: the pid of the worker that is to be replaced."""
