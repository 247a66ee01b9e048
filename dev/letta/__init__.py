"""Letta here: its App Server, in the foreground, with a first agent to talk to."""
