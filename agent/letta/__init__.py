"""Letta as the LLM of a LiveKit session: one conversation a room, and a memory that is exact."""
