"""The worker: LiveKit's AgentServer for ears and mouth, a Letta agent for the mind."""
