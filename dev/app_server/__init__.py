"""Letta's App Server on this machine: what it may do is written down before it starts."""
